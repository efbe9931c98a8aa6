import * as Storage from "@user-service/database/Storage"
import type {
  DeliveryDecisionEntry,
  SecurityLogEntry,
  SessionRecord,
  SuppressedAddress
} from "@user-service/domain/AccountExport"
import type { Delivery } from "@user-service/domain/Delivery"
import type { PreferenceChange } from "@user-service/domain/PreferenceHistory"
import type { PushToken } from "@user-service/domain/PushToken"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import { TokenInvalid } from "@user-service/domain/Token"
import { type User, type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Stream } from "effect"
import { LiveSessions } from "../cached/LiveSessions.ts"
import { LiveSessionsRepo } from "../cached/LiveSessionsRepo.ts"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { PreferenceHistoryRepo } from "../preferences/PreferenceHistoryRepo.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import type { Query } from "../Rows.ts"
import { type DecisionCursor, type ExportPage, ExportsRepo, type PageCursor, pageSize } from "./ExportsRepo.ts"

/** The session that asks for an export. */
export interface ExportingSession {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** A list of the export, read page by page as it is consumed. Fails at the next page after the session ended. */
type Records<A> = Stream.Stream<A, TokenInvalid | ServiceUnavailable>

/** Everything that is stored of a user. The lists are the newest first. */
export interface AccountExport {
  readonly exportedAt: DateTime.Utc
  readonly user: User
  readonly preferencesHistory: Records<PreferenceChange>
  readonly sessions: Records<SessionRecord>
  readonly pushTokens: Records<PushToken>
  readonly deliveries: Records<Delivery>
  /** Those that no delivery records, in the order of the ids of the notifications. */
  readonly deliveryDecisions: Records<DeliveryDecisionEntry>
  readonly suppressions: Records<SuppressedAddress>
  readonly securityLog: Records<SecurityLogEntry>
  /** To run after the lists: fails if the session ended, as all do when the user is erased: the lists may then lack rows. */
  readonly verify: Effect.Effect<void, TokenInvalid | ServiceUnavailable>
}

/**
 * Exports the data of a user (GDPR, articles 15 and 20).
 *
 * An export holds one page in memory and no connection or transaction between two pages, however slow its reader is. So it is
 * no snapshot: each page shows its rows as they are when it is read. Every row that exists from the beginning to the end of the
 * export is in it exactly once, because the lists are read by keys that never change. A row that is added during the export is newer
 * than the cursor and left out, but a decision on a delivery may be in it. A delivery whose status changes during the export has the
 * old or the new one.
 */
export class Exports extends Context.Service<
  Exports,
  {
    /**
     * Counts the export in the user's limit, records it in the audit log, and reads the user. The lists are read when they are
     * consumed.
     */
    readonly open: (
      current: ExportingSession
    ) => Effect.Effect<AccountExport, UserNotFound | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/exports/Exports") {
  static readonly layerNoDeps = Layer.effect(
    Exports,
    Effect.gen(function* () {
      const repo = yield* ExportsRepo
      const history = yield* PreferenceHistoryRepo
      const profiles = yield* ProfilesRepo
      const limits = yield* Limits
      const changes = yield* Changes
      const storage = yield* Storage.Storage
      const liveSessions = yield* LiveSessions
      const liveSessionsRepo = yield* LiveSessionsRepo

      const requireAlive = ({ userId }: ExportingSession, isAlive: Effect.Effect<boolean, ServiceUnavailable>) =>
        Effect.flatMap(isAlive, (alive) =>
          alive ? Effect.void : Effect.fail(new TokenInvalid({ reason: "revoked", userId }))
        )

      // As a request is authenticated: an ended session reads on for less than a second.
      const authenticate = (current: ExportingSession) =>
        requireAlive(current, liveSessions.isAlive(current.userId, current.sessionId))

      // In the database: an erasure in another process is not overlooked for that second.
      const verify = (current: ExportingSession) =>
        requireAlive(
          current,
          storage.read(
            Effect.flatMap(DateTime.now, (now) => liveSessionsRepo.isAlive(current.userId, current.sessionId, now))
          )
        )

      const changesBefore =
        (userId: UserId) =>
        (version: number = Number.MAX_SAFE_INTEGER) =>
          Effect.map(history.before(userId, version, pageSize), (items) => ({
            items,
            next: Option.map(
              Option.fromUndefinedOr(items.length < pageSize ? undefined : items.at(-1)),
              (last) => last.version
            )
          }))

      const read = Effect.fnUntraced(function* (current: ExportingSession) {
        const { userId } = current
        const records = <A, Cursor>(page: (after?: Cursor) => Query<ExportPage<A, Cursor>>): Records<A> =>
          Stream.paginate(Option.none<Cursor>(), (after) =>
            Effect.map(
              Effect.andThen(authenticate(current), storage.read(page(Option.getOrUndefined(after)))),
              ({ items, next }) => [items, Option.map(next, Option.some)]
            )
          )
        const exportedAt = yield* DateTime.now
        // So that the user sees an export by somebody who stole the session.
        const audit = [{ userId, action: "user.exported" }]
        yield* changes.change(userId, Effect.succeed({ result: undefined, events: [], audit }))
        const user = yield* storage.read(profiles.find(userId))
        if (Option.isNone(user)) return yield* new UserNotFound()
        return {
          exportedAt,
          user: user.value,
          preferencesHistory: records(changesBefore(userId)),
          sessions: records((after?: PageCursor) => repo.sessions(userId, after)),
          pushTokens: records((after?: PageCursor) => repo.pushTokens(userId, after)),
          deliveries: records((after?: PageCursor) => repo.deliveries(userId, after)),
          deliveryDecisions: records((after?: DecisionCursor) => repo.deliveryDecisions(userId, after)),
          suppressions: Stream.fromIterableEffect(
            Effect.andThen(authenticate(current), storage.read(repo.suppressions(userId)))
          ),
          securityLog: records((after?: PageCursor) => repo.securityLog(userId, after)),
          verify: verify(current)
        }
      })

      return {
        open: Effect.fn("Exports.open")((current: ExportingSession) =>
          limits.guard([{ limit: "export", key: current.userId }])(read(current))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      ExportsRepo.layer,
      PreferenceHistoryRepo.layer,
      ProfilesRepo.layer,
      Limits.layer,
      LiveSessions.layer,
      LiveSessionsRepo.layer,
      Changes.layer
    ])
  )
}
