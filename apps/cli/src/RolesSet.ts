import { Roles } from "@user-service/core/staff/Roles"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import type { Email } from "@user-service/domain/Email"
import type { Role } from "@user-service/domain/Role"
import { Console, Effect, Layer } from "effect"
import * as Database from "./Database.ts"

/** The roles in the configured database. */
export const layer = Roles.layerUncached.pipe(Layer.provide(Storage.layer), Layer.provideMerge(Database.layer))

/** Sets the role and prints the one before. */
export const run = Effect.fnUntraced(function* ({
  email,
  role
}: {
  readonly email: Email
  readonly role: Role | "none"
}) {
  yield* requireMigrated
  const roles = yield* Roles
  const userId = yield* roles.findByEmail(email)
  const before = yield* roles.set(userId, role === "none" ? null : role)
  yield* Console.log(`The role of ${email} is ${role}; it was ${before ?? "none"}`)
})
