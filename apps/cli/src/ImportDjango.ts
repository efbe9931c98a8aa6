import { type BadRow, convert } from "@user-service/core/imports/DjangoUser"
import { type ImportedBatch, Imports } from "@user-service/core/imports/Imports"
import { PushTokenSettings } from "@user-service/core/push-tokens/PushTokenSettings"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { parseUrl } from "@user-service/database/PostgresAddress"
import * as Environment from "@user-service/runtime/Environment"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Console, Effect, Layer, Record, Ref, Result, Schema, Stream } from "effect"
import * as Database from "./Database.ts"
import * as DjangoDatabase from "./DjangoDatabase.ts"
import { oneLine } from "./Failure.ts"
import * as KeyFile from "./KeyFile.ts"
import * as Progress from "./Progress.ts"

/** Rows were left out. */
export class RowsLeftOut extends Schema.TaggedError<RowsLeftOut>()("RowsLeftOut", { count: Schema.Int }) {
  override get message() {
    return `${this.count} rows were not imported, as listed: correct them in the Django service's database and repeat the import`
  }
}

/** The URL of the source is not valid. The message does not quote it, because it may contain a password. */
export class SourceUrlInvalid extends Schema.TaggedError<SourceUrlInvalid>()("SourceUrlInvalid", {
  name: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.name} ${this.problem}`
  }
}

/** The URL of the Django service's database, and what named it. */
export interface Source {
  readonly name: string
  readonly url: string
}

const layerPushTokens = Layer.effect(
  PushTokenSettings,
  Effect.map(Environment.read({ pushTokens: PushTokenSettings.config }), ({ pushTokens }) => pushTokens)
)

/** {@link Imports} into the configured database. It needs the keys of the API, because networks are stored as keyed hashes. */
export const layer = Imports.layer.pipe(
  Layer.provide([Layer.provide(KeyedHashes.layer, KeyFile.layerKeys), layerPushTokens]),
  Layer.provideMerge(Database.layer)
)

// Some 10 MB of rows.
const batchSize = 500

type Totals = Omit<ImportedBatch, "bad"> & { readonly read: number; readonly bad: number }

const none: Totals = {
  read: 0,
  imported: 0,
  existing: 0,
  erased: 0,
  pushTokens: 0,
  surplusPushTokens: 0,
  withoutPassword: 0,
  bad: 0
}

const add = (totals: Totals, read: number, batch: ImportedBatch): Totals => {
  const added: Totals = { ...batch, read, bad: batch.bad.length }
  return Record.map(totals, (total, name) => total + added[name])
}

const describeBadRow = ({ id, problem, table }: BadRow): string => oneLine(`${table} ${id}: ${problem}`)

const report = (totals: Totals): ReadonlyArray<string> => [
  `Users read:                 ${totals.read}`,
  `  imported:                 ${totals.imported}`,
  `  here already, unchanged:  ${totals.existing}`,
  `  erased here, left out:    ${totals.erased}`,
  `Push tokens imported:       ${totals.pushTokens}`,
  `  left out as surplus:      ${totals.surplusPushTokens}`,
  `Passwords to be reset:      ${totals.withoutPassword}`,
  `Bad rows:                   ${totals.bad}`
]

/** Imports the users of a Django service's database. Safe to repeat, and to end at any time. */
export const run = Effect.fnUntraced(function* ({ from }: { readonly from: Source }) {
  const address = parseUrl(from.name, from.url)
  if (Result.isFailure(address)) return yield* new SourceUrlInvalid({ name: from.name, problem: address.failure })
  yield* requireMigrated
  const imports = yield* Imports
  const source = yield* DjangoDatabase.connect(address.success)
  if (source.absentColumns.length > 0) {
    yield* Console.log(`Columns that it lacks, imported with their defaults: ${source.absentColumns.join(", ")}`)
  }
  const progress = yield* Progress.make({ total: source.count, unit: "users" })
  const totals = yield* Ref.make(none)
  // Also of an import that fails or is interrupted: its batches stay.
  const printReport = Effect.flatMap(Ref.get(totals), (final) =>
    Effect.forEach(report(final), (line) => Console.log(line), { discard: true })
  )
  yield* source.users.pipe(
    Stream.map(convert),
    Stream.grouped(batchSize),
    // The next batches are read and converted while the database writes one.
    Stream.buffer({ capacity: 2 }),
    Stream.runForEach(
      Effect.fnUntraced(function* (users) {
        const batch = yield* imports.importBatch(users)
        const { bad, read } = yield* Ref.updateAndGet(totals, (before) => add(before, users.length, batch))
        if (batch.bad.length > 0) yield* progress.hide
        for (const row of batch.bad) yield* Console.log(describeBadRow(row))
        yield* progress.update(read, `, ${bad} bad rows`)
      })
    ),
    Effect.ensuring(Effect.andThen(progress.end, printReport))
  )
  const { bad } = yield* Ref.get(totals)
  if (bad > 0) return yield* new RowsLeftOut({ count: bad })
}, Effect.scoped)
