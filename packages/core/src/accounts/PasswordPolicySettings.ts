import { Config, Context, Schema } from "effect"

/** The settings of the rules for new passwords. */
export class PasswordPolicySettings extends Context.Service<
  PasswordPolicySettings,
  {
    /** In characters. */
    readonly minLength: number
  }
>()("@user-service/core/accounts/PasswordPolicySettings") {
  /** `PASSWORD_MIN_LENGTH`. */
  static readonly config: Config.Config<PasswordPolicySettings["Service"]> = Config.all({
    minLength: Config.schema(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 128 })),
      "PASSWORD_MIN_LENGTH"
    ).pipe(Config.withDefault(8))
  })
}
