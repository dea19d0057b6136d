import ts from 'typescript'

/** A metric as the code registers it. */
export interface Registration {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

export interface Registrations {
  readonly found: readonly Registration[]
  /** Ways to register one that this cannot read; none may be left, or the page could miss something. */
  readonly unreadable: readonly string[]
}

const types: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram'])

/** All registrations in a source text. Anything that touches the three methods and is not a call with literals is named as unreadable. */
export function registrationsIn(path: string, text: string): Registrations {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: Registration[] = []
  const unreadable: string[] = []
  const complain = (node: ts.Node, why: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    unreadable.push(`${path}:${line + 1}: ${why}: ${node.getText().slice(0, 60)}`)
  }
  const visit = (node: ts.Node): void => {
    if (isImportOf(node, 'prom-client')) complain(node, 'imports the client itself')
    if (ts.isBindingElement(node) && types.has((node.propertyName ?? node.name).getText()))
      complain(node, 'takes the method apart from its metrics')
    const method = methodOf(node)
    if (method !== null) {
      const call = node.parent
      const read = ts.isCallExpression(call) && call.expression === node ? readCall(method, call) : null
      if (read === null) complain(node, 'is not called with literals')
      else found.push(read)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { found, unreadable }
}

function isImportOf(node: ts.Node, module: string): boolean {
  if (ts.isImportDeclaration(node)) return textOf(node.moduleSpecifier) === module
  return (
    ts.isCallExpression(node) &&
    node.expression.kind === ts.SyntaxKind.ImportKeyword &&
    textOf(node.arguments[0]) === module
  )
}

/** Which of the three methods a node takes; null when it takes none. */
function methodOf(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node)) return types.has(node.name.text) ? node.name.text : null
  if (!ts.isElementAccessExpression(node)) return null
  const name = textOf(node.argumentExpression)
  return name !== null && types.has(name) ? name : null
}

function readCall(method: string, call: ts.CallExpression): Registration | null {
  const [nameNode, helpNode, third, fourth] = call.arguments
  const name = textOf(nameNode)
  const help = textOf(helpNode)
  const labels = labelsOf(method === 'histogram' ? fourth : third)
  if (name === null || help === null || labels === null) return null
  return { name, type: method as Registration['type'], help, labels }
}

function labelsOf(node: ts.Expression | undefined): readonly string[] | null {
  if (node === undefined) return []
  if (!ts.isArrayLiteralExpression(node)) return null
  const labels = node.elements.map(textOf)
  return labels.every((label) => label !== null) ? labels : null
}

function textOf(node: ts.Node | undefined): string | null {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : null
}
