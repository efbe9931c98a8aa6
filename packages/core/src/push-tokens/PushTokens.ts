import * as Storage from "@user-service/database/Storage"
import type { DeviceTokenMalformed } from "@user-service/domain/DeviceTokenForm"
import type { Page, PageRequest } from "@user-service/domain/Page"
import {
  DeviceTaken,
  type DeviceToken,
  DeviceTokenTaken,
  type PushToken,
  PushTokenId,
  PushTokenNotFound,
  type PushTokenPatch,
  type PushTokenRegistration
} from "@user-service/domain/PushToken"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { TokenInvalid } from "@user-service/domain/Token"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { type Change, Changes } from "../changes/Changes.ts"
import { InactivePushTokens } from "./InactivePushTokens.ts"
import { pushTokenAdded, pushTokensRemoved } from "./PushTokenEvents.ts"
import { type SecretToken, type LiveToken, type PushTokenOwner, toPushToken } from "./PushTokenRows.ts"
import { PushTokensRepo } from "./PushTokensRepo.ts"
import { Registrations, retryLockingHolder } from "./Registrations.ts"

// What the audit log has of a token: never its text.
const stateOf = ({ isActive, platform, tokenType }: SecretToken) => ({ platform, tokenType, isActive })

const decodeId = Schema.decodeUnknownEffect(anyCase(PushTokenId))

/** The push tokens of users: one row per device token, owned by the user who registered it last. */
export class PushTokens extends Context.Service<
  PushTokens,
  {
    /**
     * Registers the token for the session. `isNew` is false if the token or the device was stored before. Fails with
     * `TokenInvalid` if the session has ended and with `DeviceTokenMalformed` if the text is not a token of its type.
     */
    readonly register: (
      owner: PushTokenOwner,
      registration: PushTokenRegistration
    ) => Effect.Effect<
      { readonly token: PushToken; readonly isNew: boolean },
      DeviceTokenMalformed | TokenInvalid | UserNotFound | ServiceUnavailable
    >
    readonly page: (userId: UserId, request: PageRequest) => Effect.Effect<Page<PushToken>, ServiceUnavailable>
    /** The user's live tokens with their secret texts, the most recently used first. Not cached, because they are secrets. */
    readonly live: (userId: UserId) => Effect.Effect<ReadonlyArray<LiveToken>, UserNotFound | ServiceUnavailable>
    readonly find: (userId: UserId, id: string) => Effect.Effect<PushToken, PushTokenNotFound | ServiceUnavailable>
    /**
     * Applies the patch. A changed type rewrites the token in the form of that type, and fails with `DeviceTokenMalformed` if
     * it has no such form.
     */
    readonly update: (
      userId: UserId,
      id: string,
      fields: PushTokenPatch
    ) => Effect.Effect<
      PushToken,
      DeviceTaken | DeviceTokenTaken | DeviceTokenMalformed | PushTokenNotFound | ServiceUnavailable
    >
    /** The reason is `admin` if staff remove it. */
    readonly remove: (
      userId: UserId,
      id: string,
      reason?: "deleted" | "admin"
    ) => Effect.Effect<void, PushTokenNotFound | ServiceUnavailable>
    /** Deactivates all tokens of the user and returns how many were active. */
    readonly deactivateAll: (userId: UserId) => Effect.Effect<number, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/push-tokens/PushTokens") {
  static readonly layerNoDeps = Layer.effect(
    PushTokens,
    Effect.gen(function* () {
      const repo = yield* PushTokensRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const registrations = yield* Registrations
      const inactiveTokens = yield* InactivePushTokens

      const parseId = (id: string) => Effect.mapError(decodeId(id), () => new PushTokenNotFound())

      const orNotFound = <A>(found: Option.Option<A>) =>
        Option.isSome(found) ? Effect.succeed(found.value) : Effect.fail(new PushTokenNotFound())

      const registerInTransaction = (owner: PushTokenOwner, registration: PushTokenRegistration) =>
        retryLockingHolder((holders) => {
          const locked = [owner.userId, ...holders]
          const body = Effect.map(
            registrations.register({ owner, registration, locked }),
            ({ events, isNew, token }): Change<{ readonly token: PushToken; readonly isNew: boolean }> => ({
              result: { token, isNew },
              events,
              audit: [{ userId: owner.userId, action: "push_token.registered", details: { tokenId: token.id } }]
            })
          )
          return holders.length === 0 ? changes.change(owner.userId, body) : changes.changeLocking(locked, body)
        })

      const register = Effect.fn("PushTokens.register")(function* (
        owner: PushTokenOwner,
        registration: PushTokenRegistration
      ) {
        const fastPath = yield* registrations.fastPath(owner, registration)
        if (Option.isNone(fastPath)) return yield* registerInTransaction(owner, registration)
        const registered = yield* changes.changeByStatement(owner.userId, fastPath.value)
        if (Option.isNone(registered)) return yield* registerInTransaction(owner, registration)
        const { isNew, ...token } = registered.value
        return { token: toPushToken(token), isNew }
      })

      const page = Effect.fn("PushTokens.page")((userId: UserId, request: PageRequest) =>
        storage.read(repo.page(userId, request))
      )

      const live = Effect.fn("PushTokens.live")(function* (userId: UserId) {
        const tokens = yield* storage.read(repo.live(userId))
        return Option.isSome(tokens) ? tokens.value : yield* new UserNotFound()
      })

      const find = Effect.fn("PushTokens.find")(function* (userId: UserId, id: string) {
        return yield* orNotFound(yield* storage.read(repo.find(userId, yield* parseId(id))))
      })

      // The events of a change of `isActive` or of the token's text. A newly live token may evict another one.
      const eventsOfUpdate = Effect.fnUntraced(function* (before: SecretToken, token: DeviceToken, after: PushToken) {
        const isSameText = before.token === token
        if (!before.isActive && !after.isActive) return []
        if (!after.isActive)
          return yield* Effect.as(inactiveTokens.trim([before.userId]), pushTokensRemoved([before], "deactivated"))
        if (before.isActive)
          return isSameText ? [] : [...pushTokensRemoved([before], "replaced"), pushTokenAdded({ ...before, token })]
        return [pushTokenAdded({ ...before, token }), ...(yield* registrations.evict(before.userId, before.id))]
      })

      const respell = ({ token, tokenType: before }: SecretToken, { tokenType }: PushTokenPatch) =>
        tokenType === undefined || tokenType === before ? Effect.succeedNone : registrations.respell(token, tokenType)

      const update = Effect.fn("PushTokens.update")(
        function* (userId: UserId, id: string, fields: PushTokenPatch) {
          const tokenId = yield* parseId(id)
          return yield* changes.change(
            userId,
            Effect.gen(function* () {
              const before = yield* Effect.flatMap(repo.reveal(userId, tokenId), orNotFound)
              const respelling = yield* respell(before, fields)
              const token = yield* repo
                .update({ userId, id: tokenId, fields, respelling, now: yield* DateTime.now })
                .pipe(
                  Storage.onUniqueViolation("push_tokens_device_key", () => new DeviceTaken()),
                  Storage.onUniqueViolation("push_tokens_token_key", () => new DeviceTokenTaken()),
                  Effect.flatMap(orNotFound)
                )
              return {
                result: token,
                events: yield* eventsOfUpdate(before, Option.getOrElse(respelling, () => before).token, token),
                audit: [{ userId, action: "push_token.updated", details: { tokenId } }]
              }
            })
          )
        },
        Effect.catchTag("UserNotFound", () => Effect.fail(new PushTokenNotFound()))
      )

      const remove = Effect.fn("PushTokens.remove")(
        function* (userId: UserId, id: string, reason: "deleted" | "admin" = "deleted") {
          const tokenId = yield* parseId(id)
          yield* changes.change(
            userId,
            Effect.gen(function* () {
              const [token] = yield* repo.remove(userId, [tokenId])
              if (token === undefined) return yield* new PushTokenNotFound()
              return {
                result: undefined,
                events: pushTokensRemoved(token.isActive ? [token] : [], reason),
                audit: [
                  {
                    userId,
                    action: "push_token.deleted",
                    details: reason === "admin" ? { tokenId, before: stateOf(token), after: null } : { tokenId }
                  }
                ]
              }
            })
          )
        },
        Effect.catchTag("UserNotFound", () => Effect.fail(new PushTokenNotFound()))
      )

      const deactivateAll = Effect.fn("PushTokens.deactivateAll")((userId: UserId) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const tokens = yield* repo.deactivateAll(userId, yield* DateTime.now)
            if (tokens.length > 0) yield* inactiveTokens.trim([userId])
            return {
              result: tokens.length,
              events: pushTokensRemoved(tokens, "deactivated"),
              audit: [{ userId, action: "push_token.all_deactivated", details: { count: tokens.length } }]
            }
          })
        )
      )

      return { register, page, live, find, update, remove, deactivateAll }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([PushTokensRepo.layer, Changes.layer, Registrations.layer, InactivePushTokens.layer])
  )
}
