import { Config, Context, Schema } from "effect"

/** How many push tokens a user may have. */
export class PushTokenSettings extends Context.Service<
  PushTokenSettings,
  {
    /** The most active tokens of a user, and the most inactive ones. */
    readonly maxTokens: number
  }
>()("@user-service/core/push-tokens/PushTokenSettings") {
  /** `MAX_PUSH_TOKENS`. */
  static readonly config: Config.Config<PushTokenSettings["Service"]> = Config.all({
    maxTokens: Config.schema(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
      "MAX_PUSH_TOKENS"
    ).pipe(Config.withDefault(20))
  })
}
