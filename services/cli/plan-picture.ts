import type { PlannedQuestion } from '../domain/planning/planned-questions.ts'
import type { PlannedStage } from '../domain/planning/planned-stage.ts'
import type { RolloutPlan } from '../domain/planning/rollout-plan.ts'

const width = 760
const left = 64
const right = 190
const panelHeight = 170
const plotHeight = 100
const titleHeight = 54
const colours = ['#1b1b1b', '#0067a5', '#c2571a', '#3c7d3c', '#7b4fa3', '#946b00']
const dayHours = 24

/**
 * Power against days as SVG: one panel for each stage that asks questions, its own days from entry along the bottom. A line is the chance, at least,
 * that a harmless candidate has passed everything asked of all traffic, or of a critical segment; it rises at looks. The dashed line is the planned end.
 */
export function planPicture(name: string, plan: RolloutPlan): string {
  const stages = plan.stages.filter(({ questions }) => questions.length > 0)
  const height = titleHeight + stages.length * panelHeight + 8
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(`${name}: power against days`)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(left, 20, `${name}: power against days`, 'font-size="15"'),
    text(left, 38, 'chance that a harmless candidate has passed, at least, by days in the stage; dashed: planned end'),
    ...stages.map((stage, index) => panel(stage, titleHeight + index * panelHeight)),
    '</svg>',
    '',
  ].join('\n')
}

function panel(stage: PlannedStage, top: number): string {
  const curves = curvesOf(stage)
  const reached = curves.flatMap(({ points }) => points.map(({ hours }) => hours))
  const spanHours = Math.max(...reached, stage.hours) * 1.05
  const x = (hours: number) => fixed(left + (hours / spanHours) * (width - left - right))
  const y = (power: number) => fixed(top + 24 + (1 - power) * plotHeight)
  const axis = y(0)
  const ticks = ticksOf(spanHours / dayHours)
  return [
    text(
      left,
      top + 14,
      `${stage.wave}/${stage.stage}, ends ${new Date(stage.endsAtMs).toISOString().slice(0, 16)}Z`,
      'font-weight="bold"',
    ),
    ...[0, 0.5, 1].map(
      (power) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(power)}" y2="${y(power)}" stroke="#d5d5d5"/>${text(left - 8, y(power) + 4, `${power * 100} %`, 'text-anchor="end"')}`,
    ),
    ...ticks.map(
      (days) =>
        `<line x1="${x(days * dayHours)}" x2="${x(days * dayHours)}" y1="${axis}" y2="${axis + 4}" stroke="#555555"/>${text(x(days * dayHours), axis + 18, `${days}`, 'text-anchor="middle"')}`,
    ),
    text(width - right + 8, axis + 18, 'days'),
    `<line x1="${x(stage.hours)}" x2="${x(stage.hours)}" y1="${y(1)}" y2="${axis}" stroke="#555555" stroke-dasharray="4 3"/>`,
    ...curves.map((curve, index) =>
      curvePath(curve, colours[index % colours.length] ?? '#1b1b1b', { x, y }, spanHours),
    ),
    ...curves.map((curve, index) =>
      text(width - right + 8, top + 34 + index * 16, curve.name, `fill="${colours[index % colours.length]}"`),
    ),
  ].join('\n')
}

interface Curve {
  readonly name: string
  readonly points: readonly { readonly hours: number; readonly power: number }[]
}

/** All traffic first, then each critical segment. */
function curvesOf(stage: PlannedStage): readonly Curve[] {
  const groups = new Map<string, PlannedQuestion[]>()
  for (const question of stage.questions) {
    const name = question.slice === null ? 'all traffic' : `${question.slice.key}=${question.slice.value}`
    groups.set(name, [...(groups.get(name) ?? []), question])
  }
  return [...groups].map(([name, questions]) => ({ name, points: pointsOf(questions) }))
}

/** Chance that all have passed, at least: what is missing adds up over questions, and falls at each question's own looks. */
function pointsOf(questions: readonly PlannedQuestion[]): Curve['points'] {
  const moments = questions.flatMap(({ looks }) => looks.flatMap(({ hours }) => (hours === null ? [] : [hours])))
  return [...new Set(moments)]
    .sort((a, b) => a - b)
    .map((hours) => ({
      hours,
      power: Math.max(0, 1 - questions.reduce((sum, question) => sum + 1 - powerAt(question, hours), 0)),
    }))
}

function powerAt({ looks }: PlannedQuestion, hours: number): number {
  return looks.reduce((power, look) => (look.hours !== null && look.hours <= hours ? look.power : power), 0)
}

function curvePath(
  { points }: Curve,
  colour: string,
  { x, y }: { readonly x: (hours: number) => number; readonly y: (power: number) => number },
  spanHours: number,
): string {
  const steps = points.map(({ hours, power }) => `H${x(hours)}V${y(power)}`).join('')
  return `<path d="M${x(0)} ${y(0)}${steps}H${x(spanHours)}" fill="none" stroke="${colour}" stroke-width="2"/>`
}

/** About five round numbers of days. */
function ticksOf(days: number): readonly number[] {
  const rough = days / 5
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((candidate) => candidate >= rough) ?? rough
  return Array.from({ length: Math.floor(days / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)))
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(content)}</text>`
}

function fixed(value: number): number {
  return Number(value.toFixed(1))
}

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
