/** A text; one of ASCII alone may come as its bytes, of which nobody has to make a string. Either has as many of them as the text has UTF-16 units. */
export type Text = string | Uint8Array

const decoder = new TextDecoder()

export function textOf(text: Text): string {
  return typeof text === 'string' ? text : decoder.decode(text)
}

/** The first so many characters. */
export function openingOf(text: Text, characters: number): string {
  return typeof text === 'string' ? text.slice(0, characters) : decoder.decode(text.subarray(0, characters))
}
