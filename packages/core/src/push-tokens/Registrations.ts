import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { DeviceTokenMalformed, formOf, spellingsOf } from "@user-service/domain/DeviceTokenForm"
import {
  type DeviceToken,
  type PushToken,
  PushTokenId,
  type TokenRemovalReason,
  type TokenType,
  type PushTokenPatch,
  type PushTokenRegistration
} from "@user-service/domain/PushToken"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { Context, Data, DateTime, Effect, Layer, Option } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { InactivePushTokens } from "./InactivePushTokens.ts"
import { pushTokenAdded, pushTokensRemoved } from "./PushTokenEvents.ts"
import * as Storage from "@user-service/database/Storage"
import type {
  TargetsRow,
  SecretToken,
  PushTokenOwner,
  RegisteredRow,
  RegistrationValues,
  Respelling
} from "./PushTokenRows.ts"
import { PushTokenSettings } from "./PushTokenSettings.ts"
import { PushTokensRepo } from "./PushTokensRepo.ts"
import { RegistrationsRepo } from "./RegistrationsRepo.ts"

/** A registered token, whether its row is new, and the events to publish. */
export interface RegistrationResult {
  readonly token: PushToken
  readonly isNew: boolean
  readonly events: ReadonlyArray<DomainEvent>
}

/**
 * The token belongs to `holders`, whose rows this transaction has not locked. The caller starts again with their locks too.
 * `holders` is empty if another transaction stored the token after this one looked for it.
 */
export class TokenHolderUnlocked extends Data.TaggedError("TokenHolderUnlocked")<{
  readonly holders: ReadonlyArray<UserId>
}> {}

/**
 * Runs the change without locks of other users, because most tokens are new or belong to their owner already. Retries it
 * with the locks of the token's holders after `TokenHolderUnlocked`. The retries end, because each one means that another
 * registration has committed.
 */
export const retryLockingHolder = <A, E, R>(
  change: (holders: ReadonlyArray<UserId>) => Effect.Effect<A, E | TokenHolderUnlocked, R>,
  holders: ReadonlyArray<UserId> = []
): Effect.Effect<A, E, R> =>
  Effect.catch(change(holders), (error): Effect.Effect<A, E, R> =>
    error instanceof TokenHolderUnlocked ? retryLockingHolder(change, error.holders) : Effect.fail(error)
  )

/** The type of a token that is registered without one. */
const defaultType: TokenType = "fcm"

const malformed = (tokenType: TokenType) => Effect.fail(new DeviceTokenMalformed({ field: "token", tokenType }))

// Clears the device's labels: they are private to the previous owner.
const noLabels: PushTokenPatch = { deviceId: "", deviceName: "" }

// The type and normal form of the token. Without a given type, it is the stored type of the token or else of the device.
const typeAndForm = (
  { token, tokenType }: PushTokenRegistration,
  known: ReadonlyArray<SecretToken>
): Effect.Effect<{ readonly type: TokenType; readonly form: DeviceToken }, DeviceTokenMalformed> => {
  const types = tokenType === undefined ? [...known.map((row) => row.tokenType), defaultType] : [tokenType]
  const forms = types.flatMap((type) => Option.toArray(Option.map(formOf(type, token), (form) => ({ type, form }))))
  return forms[0] === undefined ? malformed(tokenType ?? defaultType) : Effect.succeed(forms[0])
}

type Target = (typeof TargetsRow.Type)["found"][number]

// Subscribers identify a token by its text, so a token of this user that stays live causes no event.
const eventsOf = (
  registered: Omit<SecretToken, "tokenType">,
  found: ReadonlyArray<Target>
): ReadonlyArray<DomainEvent> => {
  const { isActive, token, userId } = registered
  const isOwn = (row: Target) => row.userId === userId
  const staysLive = (row: Target) => isActive && isOwn(row) && row.isActive && row.token === token
  const reasonFor = (row: Target): TokenRemovalReason =>
    isOwn(row) ? (isActive || !row.isSameToken ? "replaced" : "deactivated") : "transferred"
  const removed = found.filter((row) => row.isActive && !staysLive(row))
  return [
    ...removed.flatMap((row) => pushTokensRemoved([row], reasonFor(row))),
    ...(isActive && !found.some(staysLive) ? [pushTokenAdded(registered)] : [])
  ]
}

interface RegistrationInChange {
  readonly owner: PushTokenOwner
  readonly registration: PushTokenRegistration
  /** The users whose rows the transaction has locked. */
  readonly locked: ReadonlyArray<UserId>
}

/** Registers push tokens inside the transaction of a change. */
export class Registrations extends Context.Service<
  Registrations,
  {
    /**
     * Upserts the token: a user has one row per token and one per device id. The upsert reactivates the row, takes the token
     * from its previous holder, and deletes the least recently used active token beyond the limit. The token is stored in the
     * normal form of its type, and a row with another spelling is rewritten. Fails with `TokenInvalid` if the session has
     * ended.
     */
    readonly register: (
      input: RegistrationInChange
    ) => Effect.Effect<
      RegistrationResult,
      TokenInvalid | DeviceTokenMalformed | TokenHolderUnlocked | SqlError.SqlError
    >
    /** The registration as one statement (RegistrationStatement.ts). None if that statement cannot apply. */
    readonly fastPath: (
      owner: PushTokenOwner,
      registration: PushTokenRegistration
    ) => Effect.Effect<Option.Option<StatementChange<typeof RegisteredRow.Type>>, DeviceTokenMalformed>
    /** The token in the normal form of the type, with its hash. None if it has that form already. */
    readonly respell: (
      token: DeviceToken,
      type: TokenType
    ) => Effect.Effect<Option.Option<Respelling>, DeviceTokenMalformed>
    /** Deletes the user's least recently used active tokens beyond the limit, never `keep`, and returns their events. */
    readonly evict: (userId: UserId, keep: PushTokenId) => Effect.Effect<ReadonlyArray<DomainEvent>, SqlError.SqlError>
  }
>()("@user-service/core/push-tokens/Registrations") {
  static readonly layerNoDeps = Layer.effect(
    Registrations,
    Effect.gen(function* () {
      const repo = yield* RegistrationsRepo
      const pushTokens = yield* PushTokensRepo
      const inactiveTokens = yield* InactivePushTokens
      const digest = yield* Digest.Digest
      const random = yield* SecureRandom.SecureRandom
      const { maxTokens } = yield* PushTokenSettings
      const encoder = new TextEncoder()

      const hash = (token: DeviceToken) => digest.digest(Digest.sha256, encoder.encode(token))

      const evict = (userId: UserId, keep: PushTokenId) =>
        Effect.map(repo.evict({ userId, maxActive: maxTokens, keep }), (evicted) =>
          pushTokensRemoved(evicted, "evicted")
        )

      const insert = Effect.fnUntraced(function* (values: RegistrationValues) {
        const id = PushTokenId.make(yield* random.uuidV7())
        const inserted = yield* repo.insert({ ...values, id, maxActive: maxTokens })
        if (Option.isNone(inserted)) return yield* new TokenHolderUnlocked({ holders: [] })
        return { row: inserted.value.token, evicted: pushTokensRemoved(inserted.value.evicted, "evicted") }
      })

      const rebind = Effect.fnUntraced(function* (existing: SecretToken, values: RegistrationValues) {
        const { userId } = values.owner
        const row = yield* repo
          .rebind(existing.id, values)
          .pipe(Storage.onUniqueViolation("push_tokens_token_key", () => new TokenHolderUnlocked({ holders: [] })))
        // A token that was live already does not add to the user's live tokens. This is usual: apps register at each start.
        const wasLive = existing.isActive && existing.userId === userId
        return { row, evicted: row.isActive && !wasLive ? yield* evict(userId, row.id) : [] }
      })

      const fastPath = Effect.fnUntraced(function* (owner: PushTokenOwner, registration: PushTokenRegistration) {
        const { isActive, platform, token, ...fields } = registration
        // Without a given type, the token may be stored with another type than the default, whose form it does not have.
        const form = formOf(fields.tokenType ?? defaultType, token)
        if (Option.isNone(form) && fields.tokenType !== undefined) return yield* malformed(fields.tokenType)
        if (isActive === false || Option.isNone(form) || spellingsOf(token).length > 1) return Option.none()
        return Option.some(
          repo.registerStatement({
            id: PushTokenId.make(yield* random.uuidV7()),
            owner,
            token: { token, tokenHash: yield* hash(token), platform },
            fields,
            maxActive: maxTokens,
            now: yield* DateTime.now
          })
        )
      })

      const respell = Effect.fnUntraced(function* (token: DeviceToken, type: TokenType) {
        const form = formOf(type, token)
        if (Option.isNone(form)) return yield* new DeviceTokenMalformed({ field: "tokenType", tokenType: type })
        if (form.value === token) return Option.none()
        return Option.some({ token: form.value, tokenHash: yield* hash(form.value) })
      })

      const register = Effect.fn("Registrations.register")(function* ({
        locked,
        owner,
        registration
      }: RegistrationInChange) {
        const { platform, token, ...patch } = registration
        const now = yield* DateTime.now
        const hashes = yield* Effect.forEach(spellingsOf(token), hash)
        const { found, isAlive } = yield* repo.findTargets({
          owner,
          tokenHashes: hashes,
          platform,
          deviceId: patch.deviceId ?? null,
          now
        })
        // The session may have ended since its token was checked. No later change would deactivate the push token.
        if (!isAlive) return yield* new TokenInvalid()
        const tokenRows = found.filter((row) => row.isSameToken)
        const deviceRow = found.find((row) => !row.isSameToken)
        const holders = tokenRows.map((row) => row.userId)
        if (!holders.every((id) => locked.includes(id))) return yield* new TokenHolderUnlocked({ holders })

        const ownRows = [...tokenRows, ...found].filter((row) => row.userId === owner.userId)
        const { form, type } = yield* typeAndForm(registration, ownRows)
        const stored = { token: form, tokenHash: yield* hash(form), platform }
        // The row of the device keeps its id, so the other rows with the token are deleted.
        const existing = deviceRow ?? tokenRows.find((row) => row.token === form) ?? tokenRows[0]
        const others = tokenRows.filter((row) => row !== existing)
        yield* Effect.forEach(others, (row) => pushTokens.remove(row.userId, [row.id]), { discard: true })
        const fields = {
          ...(tokenRows.every((row) => ownRows.includes(row)) ? {} : noLabels),
          ...patch,
          tokenType: type
        }
        const values = { owner, token: stored, fields, now }
        const { evicted, row } = yield* existing === undefined ? insert(values) : rebind(existing, values)
        if (!row.isActive) yield* inactiveTokens.trim([owner.userId])
        const registered = { ...stored, id: row.id, userId: owner.userId, isActive: row.isActive }
        return {
          token: row,
          isNew: existing === undefined,
          events: [...eventsOf(registered, found), ...evicted]
        }
      })

      return { register, fastPath, respell, evict }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([InactivePushTokens.layer, PushTokensRepo.layer, RegistrationsRepo.layer])
  )
}
