import { passwordProblems } from "@user-service/domain/Password"
import { isCommon } from "@user-service/security/CommonPasswords"
import { Config, Context, Layer, Redacted, Schema } from "effect"

/** `PASSWORD_MIN_LENGTH`, in characters. */
export const config = Config.schema(
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 128 })),
  "PASSWORD_MIN_LENGTH"
).pipe(Config.withDefault(8))

/** The rules for new passwords. */
export class PasswordPolicy extends Context.Service<
  PasswordPolicy,
  {
    /** Every rule the password breaks; `attributes` are the account's e-mail, username and names. */
    readonly problems: (password: Redacted.Redacted<string>, attributes: ReadonlyArray<string>) => ReadonlyArray<string>
  }
>()("@user-service/core/accounts/PasswordPolicy") {
  static readonly layer = (settings: { readonly minLength: number }) =>
    Layer.succeed(PasswordPolicy, {
      problems: (password, attributes) =>
        passwordProblems(Redacted.value(password), { minLength: settings.minLength, attributes, isCommon })
    })
}
