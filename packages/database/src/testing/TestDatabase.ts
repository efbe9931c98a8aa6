import { PGlite } from "@electric-sql/pglite"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, Result } from "effect"
import { Reactivity } from "effect/reactivity"
import { createHash, randomUUID } from "node:crypto"
import { readFile, rename, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Migrations from "../Migrations.ts"
import * as PgLite from "../PgLite.ts"
import * as Postgres from "../Postgres.ts"
import { parseUrl } from "../PostgresAddress.ts"
import type { PostgresSettings } from "../PostgresSettings.ts"

/** Creates an empty database on the server at `url` and returns its URL. It is dropped with the scope. */
export const freshDatabase = Effect.fnUntraced(function* (url: string) {
  const name = `test_${randomUUID().replaceAll("-", "")}`
  yield* Effect.acquireRelease(onServer(url, `create database ${name}`), () =>
    onServer(url, `drop database if exists ${name} with (force)`)
  )
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
})

/** Settings for the database at `url`, or at `direct` behind the pooler at `url`. */
export const settingsOf = (url: string, poolSize: number, direct?: string): PostgresSettings => ({
  address: Result.getOrThrow(parseUrl("DATABASE_URL", url)),
  direct: direct === undefined ? undefined : Result.getOrThrow(parseUrl("DATABASE_DIRECT_URL", direct)),
  preparedStatements: true,
  poolSize
})

const onServer = (url: string, statement: string) =>
  PgClient.make({ url: Redacted.make(url), maxConnections: 1 }).pipe(
    Effect.flatMap((sql) => sql.unsafe(statement)),
    Effect.scoped,
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make),
    Effect.orDie
  )

const layerMigrations = Layer.effectDiscard(Effect.orDie(Migrations.run))

/** PostgreSQL with the schema, in a fresh database. */
export const layerPostgres = (url: string) =>
  Layer.unwrap(
    Effect.map(freshDatabase(url), (own) =>
      layerMigrations.pipe(Layer.provideMerge(Postgres.layer(settingsOf(own, 10))))
    )
  )

/** PGlite with the schema, in memory. */
export const layerPgLite = Layer.unwrap(
  Effect.map(
    Effect.promise(() => migratedDump()),
    (loadDataDir) => PgLite.layer({ loadDataDir })
  )
)

// Creating a cluster takes seconds, copying one with the schema half a second. So all test processes share a dump, until the
// migrations or PGlite change.
const migratedDump = async (): Promise<Blob> => {
  const path = join(tmpdir(), `user-service-schema-${await schemaDigest()}.tar`)
  const cached = await readFile(path).catch(() => undefined)
  if (cached !== undefined) return new Blob([cached])
  const database = await PGlite.create()
  await Effect.runPromise(Effect.scoped(Layer.build(Layer.provide(layerMigrations, PgLite.layerOver(database)))))
  const dump = await database.dumpDataDir("none")
  await database.close()
  // Renamed when complete, because other processes read it too.
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, new Uint8Array(await dump.arrayBuffer()))
  await rename(temporary, path)
  return dump
}

// From the list of migrations, not the folder, because only these run.
const schemaDigest = async (): Promise<string> => {
  const names = Object.keys(Migrations.migrations)
  const sources = await Promise.all(
    names.map((name) => readFile(new URL(`../migrations/${name}.ts`, import.meta.url), "utf8"))
  )
  const engine = createRequire(import.meta.url).resolve("@electric-sql/pglite")
  return createHash("sha256")
    .update([engine, ...names, ...sources].join("\0"))
    .digest("hex")
    .slice(0, 16)
}
