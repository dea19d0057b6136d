import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `npm run build [-- <folder>]`: compiles the services into dist/ and lays the schemas beside them, where the compiled code looks for them. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const target = resolve(root, process.argv[2] ?? 'dist')

rmSync(target, { recursive: true, force: true })
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const compiled = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', target], {
  cwd: root,
  stdio: 'inherit',
})
if (compiled.status === 0) {
  cpSync(join(root, 'schemas'), join(target, 'schemas'), { recursive: true })
  process.stdout.write(`built ${target}\n`)
} else {
  process.stderr.write('build: the compiler found errors, see above\n')
  process.exitCode = 1
}
