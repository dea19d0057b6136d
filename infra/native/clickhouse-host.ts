/**
 * A ClickHouse server as a process: calls the program inside libchdb on the main thread, which returns when standard input ends.
 *   node clickhouse-host.ts <folder with node_modules> <libchdb.so> <arguments of clickhouse local…>
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'

interface Ffi {
  readonly DataType: {
    readonly External: number
    readonly I32: number
    readonly String: number
    readonly StringArray: number
  }
  open(options: { readonly library: string; readonly path: string }): void
  load(call: {
    readonly library: string
    readonly funcName: string
    readonly retType: number
    readonly paramsType: readonly number[]
    readonly paramsValue: readonly unknown[]
  }): unknown
  isNullPointer(pointer: unknown): boolean
}

const [modules = '', library = '', ...given] = process.argv.slice(2)
// ffi-rs, not koffi: koffi switches stacks, and the engine crashes on that.
const { DataType, open, load, isNullPointer } = createRequire(join(modules, 'package.json'))('ffi-rs') as Ffi
open({ library: 'chdb', path: library })

const argv = ['clickhouse', ...given]
const result = call('chdb_query_cmdline', DataType.External, [DataType.I32, DataType.StringArray], [argv.length, argv])
// Reading the text of an error that is not there would read address zero.
const error = call('chdb_result_error', DataType.External, [DataType.External], [result])
if (!isNullPointer(error)) {
  const text = String(call('chdb_result_error', DataType.String, [DataType.External], [result]))
  process.stderr.write(`${text.split('Stack trace')[0]}\n`)
  process.exitCode = 1
}

function call(
  funcName: string,
  retType: number,
  paramsType: readonly number[],
  paramsValue: readonly unknown[],
): unknown {
  return load({ library: 'chdb', funcName, retType, paramsType, paramsValue })
}
