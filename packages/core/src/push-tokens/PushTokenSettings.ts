import { Config, Context, Schema } from "effect"

/** The maximal number of a user's push tokens. */
export class PushTokenSettings extends Context.Service<
  PushTokenSettings,
  {
    /** The maximal number of active tokens, and likewise of inactive tokens. */
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
