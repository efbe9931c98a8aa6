import { Effect, Schema } from "effect"

/** Whether the schema takes the value as it is. */
export const accepts = (schema: Schema.Codec<unknown, unknown>, value: unknown): Effect.Effect<boolean> =>
  Effect.isSuccess(Schema.decodeUnknownEffect(schema)(value))
