import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer } from "effect"
import { Changes } from "../changes/Changes.ts"
import { StaffChangesRepo } from "./StaffChangesRepo.ts"

/** The addresses that get no e-mail after a hard bounce or a complaint. */
export class Suppressions extends Context.Service<
  Suppressions,
  {
    /** Lifts the suppressions of the user's address, and returns how many there were. */
    readonly lift: (userId: UserId) => Effect.Effect<number, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/Suppressions") {
  static readonly layerNoDeps = Layer.effect(
    Suppressions,
    Effect.gen(function* () {
      const repo = yield* StaffChangesRepo
      const changes = yield* Changes

      const lift = Effect.fn("Suppressions.lift")((userId: UserId) =>
        changes.change(
          userId,
          Effect.map(repo.liftSuppressions(userId), (lifted) => {
            const suppressions = lifted.map(({ createdAt, reason }) => ({
              reason,
              createdAt: DateTime.formatIso(createdAt)
            }))
            const details = { before: { suppressions }, after: { suppressions: [] } }
            return {
              result: lifted.length,
              events: [],
              audit: lifted.length === 0 ? [] : [{ userId, action: "suppression.lifted", details }]
            }
          })
        )
      )

      return { lift }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([StaffChangesRepo.layer, Changes.layer]))
}
