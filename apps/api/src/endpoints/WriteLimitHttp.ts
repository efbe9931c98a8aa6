import { Limits } from "@user-service/core/limits/Limits"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { WriteLimit } from "@user-service/schema/http/WriteLimit"
import { Effect, Layer } from "effect"

/** {@link WriteLimit} by `RATE_LIMIT_WRITE`. Counts before the body is read, which is part of the cost of a write. */
export const WriteLimitHttp = Layer.effect(
  WriteLimit,
  Effect.map(
    Limits,
    ({ guard }) =>
      (handler) =>
        Effect.flatMap(CurrentSession, ({ userId }) => guard([{ limit: "write", key: userId }])(handler))
  )
).pipe(Layer.provide(Limits.layer))
