import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { knownNetworkRetention } from "../KnownNetworkRetention.ts"

/** Deletes networks and user agents that an account has not used for {@link knownNetworkRetention}. */
export class OldKnownNetworks extends Context.Service<
  OldKnownNetworks,
  {
    /** Deletes at most `limit` rows and returns their number. */
    readonly remove: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/retention/OldKnownNetworks") {
  static readonly layer = Layer.effect(
    OldKnownNetworks,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const remove = Effect.fn("OldKnownNetworks.remove")(function* (limit: number) {
        const before = DateTime.subtractDuration(yield* DateTime.now, knownNetworkRetention)
        const removed = yield* storage.write(sql`
          delete from known_networks where (user_id, kind, hash) in (
            select user_id, kind, hash from known_networks where last_seen_at < ${DateTime.toDate(before)}
            order by last_seen_at limit ${limit} for update skip locked)
          returning 1`)
        return removed.length
      })

      return { remove }
    })
  )
}
