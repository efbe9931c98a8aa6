import { ZxcvbnFactory } from "@zxcvbn-ts/core"
import * as common from "@zxcvbn-ts/language-common"
import * as english from "@zxcvbn-ts/language-en"

// The work of the estimation thread. It blocks, and loading it takes 300 ms and 80 MB, so only that thread imports this module.

export interface EstimateJob {
  readonly password: string
  /** Words related to the account, such as its username. */
  readonly words: ReadonlyArray<string>
}

export interface Estimate {
  readonly guesses: number
  /** The duration of the estimation. */
  readonly milliseconds: number
}

/**
 * How many characters are analysed. The rest can only make a password stronger. The time grows with the square of the length, and
 * 28 characters without a pattern already need far more guesses than required.
 */
const maxLength = 28

// How many substitutions of digits and signs by letters are tried (`p4$$w0rd`). Their number grows exponentially, and each costs as
// much as the password itself. zxcvbn's default is 100.
const maxSubstitutions = 8

// Without translations, because only the number of guesses is used.
const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  maxLength,
  l33tMaxSubstitutions: maxSubstitutions
})

/** Runs a job. Blocks the thread. */
export const perform = ({ password, words }: EstimateJob): Estimate => {
  const start = performance.now()
  const { guesses } = zxcvbn.check(password, [...words])
  return { guesses, milliseconds: performance.now() - start }
}
