import { direct } from "@user-service/database/DirectSql"
import { retryWriteConflicts } from "@user-service/database/Storage"
import { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Order, Result, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient, type SqlError } from "effect/sql"
import { KnownNetworks } from "../accounts/KnownNetworks.ts"
import { parseAddress } from "../Origin.ts"
import { PushTokenSettings } from "../push-tokens/PushTokenSettings.ts"
import {
  type BadRow,
  type DjangoUser,
  importedUser,
  type ImportedPushToken,
  type ImportedUser,
  isCheckable,
  isRecent
} from "./DjangoUser.ts"
import { ImportsRepo, type NewImportedUser } from "./ImportsRepo.ts"

// The import of the Django service's users, in batches that can be repeated (decision 0033).

/** What became of a batch of users of the Django service. */
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

const encoder = new TextEncoder()

const idOf = ({ user }: DjangoUser): string => String(user["id"]).toLowerCase()
const isUserId = Schema.is(UserId)

const lastUsedFirst = Order.mapInput(
  Order.flip(Order.Number),
  ({ lastUsedAt }: ImportedPushToken) => lastUsedAt.epochMilliseconds
)

/** Imports users of the Django service. */
export class Imports extends Context.Service<
  Imports,
  {
    /**
     * Imports the users that do not exist here, each with all rows or not at all. Idempotent, and safe while imported users use
     * the service already. There are no events: for other services nothing changes.
     */
    readonly importBatch: (users: ReadonlyArray<DjangoUser>) => Effect.Effect<ImportedBatch, SqlError.SqlError>
  }
>()("@user-service/core/imports/Imports") {
  static readonly layerNoDeps = Layer.effect(
    Imports,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* ImportsRepo
      const networks = yield* KnownNetworks
      const digest = yield* Digest.Digest
      const random = yield* SecureRandom.SecureRandom
      const { maxTokens } = yield* PushTokenSettings

      // At most `maxTokens` active and as many inactive ones, the last used first; of a device one per platform.
      const kept = Effect.fnUntraced(function* (tokens: ReadonlyArray<ImportedPushToken>) {
        const seen = new Set<string>()
        const counts = { active: 0, inactive: 0 }
        const chosen = tokens.toSorted(lastUsedFirst).filter(({ deviceId, isActive, platform, token }) => {
          const names = deviceId === "" ? [token] : [token, `${platform} ${deviceId}`]
          const isRepeated = names.some((name) => seen.has(name))
          for (const name of names) seen.add(name)
          return !isRepeated && ++counts[isActive ? "active" : "inactive"] <= maxTokens
        })
        return yield* Effect.forEach(chosen, (token) =>
          Effect.map(Effect.orDie(digest.digest(Digest.sha256, encoder.encode(token.token))), (hash) => ({
            ...token,
            hash
          }))
        )
      })

      const prepare = Effect.fnUntraced(function* (user: ImportedUser, now: DateTime.Utc) {
        const { lastLoginAt, lastLoginIp } = user.account
        const network =
          lastLoginIp !== null && lastLoginAt !== null && isRecent(lastLoginAt, now)
            ? parseAddress(lastLoginIp)?.network
            : undefined
        return {
          ...user,
          profileId: yield* random.uuidV7(),
          preferencesId: yield* random.uuidV7(),
          networks: network === undefined ? [] : networks.hashesOf(network),
          keptPushTokens: yield* kept(user.pushTokens)
        } satisfies NewImportedUser
      }, Effect.orDie)

      const insert = Effect.fnUntraced(function* (users: ReadonlyArray<NewImportedUser>, now: DateTime.Utc) {
        const inserted = new Set<UserId>(yield* repo.insertAccounts(users))
        const isInserted = ({ account }: NewImportedUser) => inserted.has(account.id)
        const imported = users.filter(isInserted)
        return {
          imported,
          pushTokens: yield* repo.insertParts(imported, now),
          conflicts: yield* repo.conflicts(users.filter((user) => !isInserted(user)))
        }
      })

      const importBatch = Effect.fn("Imports.importBatch")(function* (users: ReadonlyArray<DjangoUser>) {
        const now = yield* DateTime.now
        const known = yield* repo.known(users.map(idOf).filter(isUserId))
        const knownIds = new Set<string>(known.map(({ id }) => id))
        const converted = users.filter((user) => !knownIds.has(idOf(user))).map(importedUser)
        const bad = converted.flatMap((user) => (Result.isFailure(user) ? [user.failure] : []))
        const prepared = yield* Effect.forEach(
          converted.flatMap((user) => (Result.isSuccess(user) ? [user.success] : [])),
          (user) => prepare(user, now)
        )
        const { conflicts, imported, pushTokens } = yield* retryWriteConflicts(
          sql.withTransaction(insert(prepared, now))
        )
        return {
          imported: imported.length,
          existing: known.filter(({ isErased }) => !isErased).length,
          erased: known.filter(({ isErased }) => isErased).length,
          pushTokens,
          surplusPushTokens: imported.reduce((sum, user) => sum + user.pushTokens.length, 0) - pushTokens,
          withoutPassword: imported.filter(({ account }) => !isCheckable(account.passwordHash)).length,
          bad: [
            ...bad,
            ...imported.flatMap(({ badPushTokens }) => badPushTokens),
            ...conflicts.map(({ column, id }) => ({
              table: "users" as const,
              id,
              problem: `${column}: Another account has it.`
            }))
          ]
        } satisfies ImportedBatch
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
