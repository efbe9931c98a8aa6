/** Whether a routing key matches a topic pattern: words separated by dots, `*` for one word, `#` for any number of words. */
export const matches = (pattern: string, routingKey: string): boolean => match(wordsOf(pattern), wordsOf(routingKey))

const wordsOf = (key: string): ReadonlyArray<string> => (key === "" ? [] : key.split("."))

const match = ([first, ...rest]: ReadonlyArray<string>, words: ReadonlyArray<string>): boolean => {
  if (first === undefined) return words.length === 0
  if (first === "#") return match(rest, words) || (words.length > 0 && match([first, ...rest], words.slice(1)))
  return words.length > 0 && (first === "*" || first === words[0]) && match(rest, words.slice(1))
}
