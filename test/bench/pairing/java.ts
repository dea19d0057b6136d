import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const project = join(root, 'test/bench/pairing/kafka-streams')
const javaDir = join(root, '.cache/bench/pair-streams')

/** How to fetch what the Java peers need. */
export const fetchCommand = `mvn -B -q -f test/bench/pairing/kafka-streams/pom.xml dependency:copy-dependencies -DoutputDirectory=${'$PWD'}/.cache/bench/pair-streams/libs`

/** Folder with the jars and the compiled classes of the Java peers; null when the jars have not been fetched. @throws when they do not compile */
export function compileJava(): string | null {
  const libs = join(javaDir, 'libs')
  if (!existsSync(libs)) return null
  const classes = join(javaDir, 'classes')
  mkdirSync(classes, { recursive: true })
  const sources = join(project, 'src/main/java/penstock/bench')
  const files = readdirSync(sources).map((file) => join(sources, file))
  execFileSync('javac', ['--release', '17', '-d', classes, '-cp', `${libs}/*`, ...files], { stdio: 'inherit' })
  return javaDir
}
