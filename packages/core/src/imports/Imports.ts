import { direct } from "@user-service/database/DirectSql"
import { transactionOn } from "@user-service/database/Storage"
import { sqlStateOf } from "@user-service/database/Usability"
import { UserId } from "@user-service/domain/User"
import * as PasswordHash from "@user-service/security/PasswordHash"
import { Array, Context, DateTime, Effect, Layer, Order, Schema } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { KnownNetworks } from "../accounts/KnownNetworks.ts"
import { knownNetworkRetention } from "../KnownNetworkRetention.ts"
import { parseAddress } from "../Origin.ts"
import { PushTokenSettings } from "../push-tokens/PushTokenSettings.ts"
import type { BadRow, ConvertedUser, ImportedPushToken, ImportedUser } from "./DjangoUser.ts"
import { ImportsRepo, type NewImportedUser } from "./ImportsRepo.ts"

// The import of the Django service's users, in batches that can be repeated (decision 0033).

/** What became of a batch of users of the Django service: each is imported, existing, erased or bad. */
export interface ImportedBatch {
  readonly imported: number
  /** Users that exist here already. They stay as they are. */
  readonly existing: number
  /** Users that were erased here. They are not imported again. */
  readonly erased: number
  readonly pushTokens: number
  /** Valid push tokens that are left out: beyond `MAX_PUSH_TOKENS`, or of an account that registered them here. */
  readonly surplusPushTokens: number
  /** Imported users whose password this service cannot check, who need a reset. */
  readonly withoutPassword: number
  /** The rows that are left out. With each bad row of a table but `push_tokens` its whole user is left out. */
  readonly bad: ReadonlyArray<BadRow>
}

const sum = (a: ImportedBatch, b: ImportedBatch): ImportedBatch => ({
  imported: a.imported + b.imported,
  existing: a.existing + b.existing,
  erased: a.erased + b.erased,
  pushTokens: a.pushTokens + b.pushTokens,
  surplusPushTokens: a.surplusPushTokens + b.surplusPushTokens,
  withoutPassword: a.withoutPassword + b.withoutPassword,
  bad: [...a.bad, ...b.bad]
})

const isUserId = Schema.is(UserId)

const badUser = (id: string, problem: string): BadRow => ({ table: "users", id, problem })

// The database refuses the values (classes 22 and 23), so that no repetition can succeed.
const isRefusal = (error: unknown): error is SqlError.SqlError =>
  SqlError.isSqlError(error) && /^2[23]/.test(sqlStateOf(error))

// Without the message, which contains values.
const refusalOf = (error: SqlError.SqlError): string =>
  `The database refuses this user (${error.reason._tag === "UniqueViolation" ? error.reason.constraint : sqlStateOf(error)}).`

const lastUsedFirst = Order.mapInput(
  Order.flip(Order.Number),
  ({ lastUsedAt }: ImportedPushToken) => lastUsedAt.epochMilliseconds
)

// At most `maxTokens` active and as many inactive ones, the last used first; of a device one per platform.
const kept = (tokens: ReadonlyArray<ImportedPushToken>, maxTokens: number) => {
  const seen = new Set<string>()
  const counts = { active: 0, inactive: 0 }
  return tokens.toSorted(lastUsedFirst).filter(({ deviceId, isActive, platform, token }) => {
    const names = deviceId === "" ? [token] : [token, `${platform} ${deviceId}`]
    const isRepeated = names.some((name) => seen.has(name))
    for (const name of names) seen.add(name)
    return !isRepeated && ++counts[isActive ? "active" : "inactive"] <= maxTokens
  })
}

/** Imports users of the Django service. */
export class Imports extends Context.Service<
  Imports,
  {
    /**
     * Imports the users that do not exist here, each with all rows or not at all. Idempotent, and safe while imported users use
     * the service already, and beside another import. There are no events: for other services nothing changes.
     */
    readonly importBatch: (users: ReadonlyArray<ConvertedUser>) => Effect.Effect<ImportedBatch, SqlError.SqlError>
  }
>()("@user-service/core/imports/Imports") {
  static readonly layerNoDeps = Layer.effect(
    Imports,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* ImportsRepo
      const networks = yield* KnownNetworks
      const { maxTokens } = yield* PushTokenSettings

      const networkOf = ({ account }: ImportedUser, now: DateTime.Utc) => {
        const { lastLoginAt, lastLoginIp } = account
        const isKnown =
          lastLoginAt !== null &&
          DateTime.isGreaterThan(lastLoginAt, DateTime.subtractDuration(now, knownNetworkRetention))
        return lastLoginIp !== null && isKnown ? parseAddress(lastLoginIp)?.network : undefined
      }

      const prepare = (user: ImportedUser, now: DateTime.Utc): NewImportedUser => {
        const network = networkOf(user, now)
        return {
          ...user,
          networks: network === undefined ? [] : networks.hashesOf(network),
          keptPushTokens: kept(user.pushTokens, maxTokens)
        }
      }

      // The users whose address or username another account has, with the columns.
      const conflictsOf = Effect.fnUntraced(function* (users: ReadonlyArray<NewImportedUser>) {
        if (users.length === 0) return []
        const conflicts = Array.groupBy(yield* repo.conflicts(users), ({ id }) => id)
        return users.map(({ account: { id } }) =>
          badUser(
            id,
            (conflicts[id] ?? [])
              .map(({ column }) => `${column}: Another account has it.`)
              // The other account has changed or ended since the insertion.
              .join("; ") || "Another account had its address or username a moment ago. Repeat the import."
          )
        )
      })

      const importTogether = Effect.fnUntraced(function* (users: ReadonlyArray<ConvertedUser>, now: DateTime.Utc) {
        yield* repo.lock
        const known = yield* repo.known(users.map(({ id }) => id).filter(isUserId))
        const knownIds = new Set<string>(known.map(({ id }) => id))
        const [valid, bad] = Array.partition(
          users.filter(({ id }) => !knownIds.has(id)),
          ({ conversion }) => conversion
        )
        const prepared = valid.map((user) => prepare(user, now))
        const inserted = new Set<UserId>(yield* repo.insertAccounts(prepared))
        const imported = prepared.filter(({ account }) => inserted.has(account.id))
        const taken = prepared.filter(({ account }) => !inserted.has(account.id))
        const pushTokens = imported.length === 0 ? 0 : yield* repo.insertParts(imported, now)
        return {
          imported: imported.length,
          existing: known.filter(({ isErased }) => !isErased).length,
          erased: known.filter(({ isErased }) => isErased).length,
          pushTokens,
          surplusPushTokens: imported.reduce((total, user) => total + user.pushTokens.length, 0) - pushTokens,
          withoutPassword: imported.filter(({ account }) => !PasswordHash.isCheckable(account.passwordHash)).length,
          bad: [...bad, ...imported.flatMap(({ badPushTokens }) => badPushTokens), ...(yield* conflictsOf(taken))]
        } satisfies ImportedBatch
      })

      // A user that the database refuses must not stop the others, so the batch is halved until this user is alone.
      const importAll = (
        users: ReadonlyArray<ConvertedUser>,
        now: DateTime.Utc
      ): Effect.Effect<ImportedBatch, SqlError.SqlError> =>
        transactionOn(sql, importTogether(users, now)).pipe(
          Effect.catchIf(isRefusal, (error) => {
            const [user, ...others] = users
            if (user === undefined || others.length === 0) return Effect.succeed(refused(users, error))
            const middle = Math.ceil(users.length / 2)
            return Effect.zipWith(importAll(users.slice(0, middle), now), importAll(users.slice(middle), now), sum)
          })
        )

      const refused = (users: ReadonlyArray<ConvertedUser>, error: SqlError.SqlError): ImportedBatch => ({
        imported: 0,
        existing: 0,
        erased: 0,
        pushTokens: 0,
        surplusPushTokens: 0,
        withoutPassword: 0,
        bad: users.map(({ id }) => badUser(id, refusalOf(error)))
      })

      const importBatch = Effect.fn("Imports.importBatch")(function* (users: ReadonlyArray<ConvertedUser>) {
        return yield* importAll(users, yield* DateTime.now)
      })

      return { importBatch }
    })
  )

  /** On direct connections, because on a busy server a batch may take longer than a request may. */
  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ImportsRepo.layer, KnownNetworks.layer]),
    Layer.provide(Layer.effect(SqlClient.SqlClient, direct))
  )
}
