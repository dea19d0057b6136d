/** What may be asked about brokers by somebody who only looks. Names are logical, as everywhere; foreign topics and groups are left out. */
export interface BrokerInspector {
  cluster(): Promise<ClusterFacts>
  /** The topics of these names that exist. */
  topics(names: readonly string[]): Promise<readonly TopicFacts[]>
  /** Groups of this installation. */
  groups(): Promise<readonly GroupFacts[]>
  /** What a group has committed on the topics; partitions without a commit are left out. */
  committed(groupId: string, topics: readonly string[]): Promise<readonly PartitionOffset[]>
  /** Per partition: the oldest record kept, the end, and the first record stamped at or after `sinceMs` (the end where there is none). */
  bounds(topic: string, sinceMs: number): Promise<readonly PartitionBounds[]>
  /** All rights that are given on this installation's names, in them, and on the cluster; null when the broker has no authoriser and everybody may do everything. */
  rights(): Promise<readonly GivenRight[] | null>
  close(): Promise<void>
}

export interface ClusterFacts {
  readonly id: string
  readonly brokers: number
  readonly controller: number | null
}

export interface TopicFacts {
  readonly name: string
  readonly partitions: readonly {
    readonly id: number
    readonly leader: number
    readonly replicas: number
    readonly inSync: number
  }[]
  readonly config: ReadonlyMap<string, string>
}

export interface GroupFacts {
  readonly id: string
  /** As Kafka names it: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead. */
  readonly state: string
  readonly members: number
}

export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface PartitionBounds {
  readonly partition: number
  readonly low: number
  readonly high: number
  readonly since: number
}

export interface GivenRight {
  readonly principal: string
  readonly allows: boolean
  readonly resource: 'topic' | 'group' | 'cluster' | 'transactional-id' | 'other'
  readonly name: string
  readonly prefixed: boolean
  /** As `kafka-acls` names it; null for one that this code does not know. */
  readonly operation: string | null
}
