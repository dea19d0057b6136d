import { ClickHouseError, type ClickHouseStore } from './clickhouse-store.ts'

/**
 * What becomes of an insert. Of those that are not answered nothing is there (`away`), everything is (`unheard`), or, as ClickHouse leaves it when it
 * is killed between two of its writes, the token is and the rows are not (`forgotten`).
 */
export type Fate = 'answered' | 'away' | 'unheard' | 'forgotten'

/** Inserts as ClickHouse makes them, in memory, of rows that are lines of text: a token is taken once, and `…_if_absent` takes lines that are not there. */
export class MemoryStore implements Pick<ClickHouseStore, 'insertRowBinary'> {
  readonly #fate: () => Fate
  readonly #rowsOfToken = new Map<string, readonly string[]>()
  /** Inserts that were asked for. */
  calls = 0

  /** @param fate asked at every insert that arrives */
  constructor(fate: () => Fate = () => 'answered') {
    this.#fate = fate
  }

  async insertRowBinary(
    table: string,
    _columns: readonly string[],
    rows: Buffer,
    { deduplicationToken: token }: { readonly deduplicationToken: string },
  ): Promise<void> {
    this.calls += 1
    const fate = this.#fate()
    if (fate !== 'away' && !this.#rowsOfToken.has(token))
      this.#rowsOfToken.set(token, fate === 'forgotten' ? [] : this.#fresh(table, rows.toString().trim().split('\n')))
    if (fate !== 'answered') throw new ClickHouseError('nobody answers', { code: 'STORE_AWAY', retriable: true })
  }

  #fresh(table: string, rows: readonly string[]): readonly string[] {
    if (!table.endsWith('_if_absent')) return rows
    const there = new Set(this.rows())
    return rows.filter((row) => !there.has(row))
  }

  /** Every row, as often as it is there. */
  rows(): readonly string[] {
    return [...this.#rowsOfToken.values()].flat()
  }
}
