/** The stage entry that is judged, as the run says it is. */
export interface StageView {
  readonly wave: string
  readonly stageEntry: number
  readonly stageName: string
  readonly candidateWeight: number
  /** Tests that an approval has set aside for this stage entry: they were shown to a person, who accepted them. */
  readonly approved: boolean
}
