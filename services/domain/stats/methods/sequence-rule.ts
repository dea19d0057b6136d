import { InputError } from './method.ts'

const lengthMax = 5_000_000

/**
 * Numbers given by a rule, as case files write long inputs: "x_i=((7i) mod 11)/10, i=1..40". The formula knows numbers, i, + - * / mod and brackets;
 * "7i" is a product.
 * @throws InputError when the text is no such rule
 */
export function numbersByRule(text: string, path: string): readonly number[] {
  const match = /^\s*x_i\s*=(.+),\s*i\s*=\s*(\d+)\s*\.\.\s*(\d+)\s*$/.exec(text)
  const [, formula = '', from = '', to = ''] = match ?? []
  const length = Number(to) - Number(from) + 1
  const tokens = formula.match(/\d+(?:\.\d+)?(?:e[-+]?\d+)?|mod|[-+*/()i]|\S/g) ?? []
  if (match === null || !(length >= 1 && length <= lengthMax))
    throw new InputError(`input "${path}" must be a rule as "x_i=((7i) mod 11)/10, i=1..40", got "${text}"`)
  return Array.from({ length }, (_, index) => evaluate(tokens, Number(from) + index, path))
}

function evaluate(tokens: readonly string[], i: number, path: string): number {
  let at = 0
  const unexpected = () =>
    new InputError(`input "${path}": "${tokens[at] ?? 'the end'}" is not expected in the formula`)
  const factor = (): number => {
    const token = tokens[at] ?? ''
    if (token === '-') {
      at += 1
      return -factor()
    }
    if (token === '(') {
      at += 1
      const value = sum()
      if (tokens[at] !== ')') throw unexpected()
      at += 1
      return value
    }
    if (token !== 'i' && !/^\d/.test(token)) throw unexpected()
    at += 1
    return token === 'i' ? i : Number(token)
  }
  const product = (): number => {
    let value = factor()
    for (;;) {
      const operator = tokens[at] ?? ''
      if (operator === 'i' || operator === '(') value *= factor()
      else if (operator === '*' || operator === '/' || operator === 'mod') {
        at += 1
        const right = factor()
        value = operator === '*' ? value * right : operator === '/' ? value / right : modulo(value, right)
      } else return value
    }
  }
  const sum = (): number => {
    let value = product()
    while (tokens[at] === '+' || tokens[at] === '-') {
      const sign = tokens[at] === '+' ? 1 : -1
      at += 1
      value += sign * product()
    }
    return value
  }
  const value = sum()
  if (at < tokens.length) throw unexpected()
  return value
}

/** The remainder with the sign of the divisor, as mathematics has it. */
function modulo(value: number, divisor: number): number {
  return value - divisor * Math.floor(value / divisor)
}
