import { Restores } from "@user-service/core/restores/Restores"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Console, Effect, Layer } from "effect"
import * as Database from "./Database.ts"

/** {@link Restores} of the configured database. */
export const layer = Restores.layer.pipe(Layer.provideMerge(Database.layer))

/** Invalidates what clients and consumers have of the time after the restored moment. */
export const run = Effect.fnUntraced(function* () {
  yield* requireMigrated
  const { invalidate } = yield* Restores
  const { oneTimeTokens, sessions, users } = yield* invalidate
  yield* Console.log(`Sessions ended:             ${sessions}`)
  yield* Console.log(`One-time tokens deleted:    ${oneTimeTokens}`)
  yield* Console.log(`Users with raised versions: ${users}`)
})
