/** Version of the code that decides; on every verdict, so that a replay knows whether it is the same code. A test holds it against package.json. */
export const codeVersion = '0.1.0'
