import { guessableProblem, guessableWords, minPasswordGuesses, passwordProblems } from "@user-service/domain/Password"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { isCommon } from "@user-service/security/CommonPasswords"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { Context, Effect, Layer, Redacted } from "effect"
import { PasswordPolicySettings } from "./PasswordPolicySettings.ts"

/** The rules for new passwords. */
export class PasswordPolicy extends Context.Service<
  PasswordPolicy,
  {
    /**
     * Every rule that the password breaks. `attributes` are the account's e-mail, username and names. The number of guesses is
     * estimated only if the password breaks no other rule, because the estimate is expensive.
     */
    readonly problems: (
      password: Redacted.Redacted<string>,
      attributes: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<string>, ServiceUnavailable>
    /** The rules that the password breaks, without the estimate of guesses. */
    readonly problemsWithoutEstimate: (
      password: Redacted.Redacted<string>,
      attributes: ReadonlyArray<string>
    ) => ReadonlyArray<string>
  }
>()("@user-service/core/accounts/PasswordPolicy") {
  static readonly layer = Layer.effect(
    PasswordPolicy,
    Effect.gen(function* () {
      const estimator = yield* PasswordEstimator
      const { minLength } = yield* PasswordPolicySettings
      const problemsWithoutEstimate = (
        password: Redacted.Redacted<string>,
        attributes: ReadonlyArray<string>
      ): ReadonlyArray<string> => passwordProblems(Redacted.value(password), { minLength, attributes, isCommon })
      const problems = Effect.fn("PasswordPolicy.problems")(function* (
        password: Redacted.Redacted<string>,
        attributes: ReadonlyArray<string>
      ) {
        const broken = problemsWithoutEstimate(password, attributes)
        if (broken.length > 0) return broken
        const guesses = yield* estimator.guesses(password, guessableWords(attributes))
        // NaN counts as guessable.
        return guesses >= minPasswordGuesses ? [] : [guessableProblem]
      })
      return { problems, problemsWithoutEstimate }
    })
  )
}
