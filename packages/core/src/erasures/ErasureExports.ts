// The list of erasures that is kept away from the database (decision 0037).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, type DateTime, Effect, Layer, Option, Stream } from "effect"
import { type ErasurePosition, ErasuresRepo, type PastErasure } from "./ErasuresRepo.ts"

const pageSize = 10_000

// Before every other id.
const firstId = "00000000-0000-0000-0000-000000000000"

/** Lists the erasures, with nothing of the users but their ids. */
export class ErasureExports extends Context.Service<
  ErasureExports,
  {
    /** The erasures since a time, the oldest first. */
    readonly since: (since: DateTime.Utc) => Stream.Stream<PastErasure, ServiceUnavailable>
  }
>()("@user-service/core/erasures/ErasureExports") {
  static readonly layerNoDeps = Layer.effect(
    ErasureExports,
    Effect.gen(function* () {
      const repo = yield* ErasuresRepo
      const storage = yield* Storage.Storage
      const page = (after: ErasurePosition) =>
        Effect.map(
          storage.read(repo.following(after, pageSize)),
          (found) => [found, found.length < pageSize ? Option.none<ErasurePosition>() : Array.last(found)] as const
        )
      return {
        since: (since) =>
          Stream.paginate<ErasurePosition, PastErasure, ServiceUnavailable>({ userId: firstId, erasedAt: since }, page)
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(ErasuresRepo.layer))
}
