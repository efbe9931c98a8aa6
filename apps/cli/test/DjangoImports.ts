import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { makeDjangoTables } from "@user-service/database/testing/DjangoTables"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { cli, folder } from "./Program.ts"

/** A hash that no password of the tests matches. */
export const hash = `pbkdf2_sha256$260000$c2FsdHNhbHQ$${"A".repeat(43)}=`

// Without deadlines, since a busy server takes long to create tables.
const sqlOf = (url: string) => Postgres.connectTo(settingsOf(url, 2).address)

/** A migrated database of this service, and one of the Django service with so many users. */
export const databases = Effect.fnUntraced(function* (databaseUrl: string, users: number) {
  const from = yield* freshDatabase(databaseUrl)
  const django = yield* sqlOf(from)
  yield* makeDjangoTables(django, users, hash)
  const own = yield* freshDatabase(databaseUrl)
  const sql = yield* sqlOf(own)
  yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
  const cwd = yield* folder
  const importDjango = cli(["import-django"], { cwd, env: { DATABASE_URL: own, IMPORT_DATABASE_URL: from } })
  return { django, from, sql, importDjango, cwd, own }
})

/** The report of an import on standard output. */
export const report = (numbers: {
  readonly read: number
  readonly imported: number
  readonly existing?: number
  readonly erased?: number
  readonly tokens: number
  readonly surplus?: number
  readonly passwords?: number
  readonly bad?: number
}) =>
  [
    `Users read:                 ${numbers.read}`,
    `  imported:                 ${numbers.imported}`,
    `  here already, unchanged:  ${numbers.existing ?? 0}`,
    `  erased here, left out:    ${numbers.erased ?? 0}`,
    `Push tokens imported:       ${numbers.tokens}`,
    `  left out as surplus:      ${numbers.surplus ?? 0}`,
    `Passwords to be reset:      ${numbers.passwords ?? 0}`,
    `Bad rows:                   ${numbers.bad ?? 0}`,
    ""
  ].join("\n")
