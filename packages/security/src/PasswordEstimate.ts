import { ZxcvbnFactory } from "@zxcvbn-ts/core"
import * as common from "@zxcvbn-ts/language-common"
import * as english from "@zxcvbn-ts/language-en"

// What the estimating thread does. It blocks, and loading it takes 300 ms and 80 MB, so only the thread imports it.

/** What the estimating thread is asked. */
export interface EstimateJob {
  readonly password: string
  /** What is known of the password's owner. */
  readonly words: ReadonlyArray<string>
}

/** What it answers, and how long it worked. */
export interface Estimate {
  readonly guesses: number
  readonly milliseconds: number
}

/**
 * How many characters are looked at. Whoever guesses a password guesses its beginning, so what is cut off can only make it
 * better. The time grows with the square of the length, and 28 characters without a pattern withstand far more guesses than
 * are asked for.
 */
const maxLength = 28

// How many readings of digits and signs as letters are tried (`p4$$w0rd`). There are as many as the product of the readings of
// each character, and each costs as much as the password itself. zxcvbn's own limit is 100.
const maxSubstitutions = 8

// The guesses alone count, so it gets no translations.
const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  maxLength,
  l33tMaxSubstitutions: maxSubstitutions
})

/** Does a job, blocking. */
export const perform = ({ password, words }: EstimateJob): Estimate => {
  const start = performance.now()
  const { guesses } = zxcvbn.check(password, [...words])
  return { guesses, milliseconds: performance.now() - start }
}
