import { assert } from "@effect/vitest"
import { rows } from "@user-service/core/Rows"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"

const EventRow = Schema.Struct({
  event: Schema.toCodecJson(DomainEvent),
  userVersion: Schema.Int,
  /** The transaction that wrote the row. */
  transaction: Schema.String
})
type EventRow = typeof EventRow.Type

const AuditRow = Schema.Struct({ userId: Schema.String, action: Schema.String, transaction: Schema.String })
type AuditRow = typeof AuditRow.Type

const texts = Schema.Record(Schema.String, Schema.NullOr(Schema.String))
const UserRow = Schema.Struct({
  id: Schema.String,
  version: Schema.Int,
  preferencesVersion: Schema.Int,
  frequencyLimit: Schema.Int,
  fields: texts,
  /** Of the live push tokens, by id. */
  tokens: texts,
  /** Why each session that was ended was, by id. */
  ended: texts
})
type UserRow = typeof UserRow.Type

/**
 * Plays the outbox back, user by user, and holds it against what is stored: every change has told of itself, in the
 * order the changes happened, and nothing is told that did not happen. For a database no relay works on.
 */
export const assertTellsAll = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const events = yield* rows(EventRow)(sql`
    select payload as event, user_version::int as "userVersion", xmin::text as transaction
    from outbox order by position`)
  const audits = yield* rows(AuditRow)(sql`
    select user_id as "userId", action, xmin::text as transaction from audit_log`)
  const users = yield* rows(UserRow)(sql`
    select u.id, u.version::int, n.version::int as "preferencesVersion", n.frequency_limit as "frequencyLimit",
      jsonb_build_object('username', u.username, 'phoneNumber', u.phone_number, 'firstName', p.first_name,
        'lastName', p.last_name, 'avatarUrl', p.avatar_url, 'timezone', p.timezone, 'language', p.language,
        'bio', p.bio) as fields,
      (select coalesce(jsonb_object_agg(t.id, t.token), '{}') from push_tokens t
        where t.user_id = u.id and t.is_active) as tokens,
      (select coalesce(jsonb_object_agg(s.id, s.revoked_reason), '{}') from sessions s
        where s.user_id = u.id and s.revoked_at is not null) as ended
    from users u
      join profiles p on p.user_id = u.id
      join notification_preferences n on n.user_id = u.id`)

  const audited = new Set(audits.map((audit) => audit.transaction))
  assert.deepStrictEqual(
    events.filter((row) => !audited.has(row.transaction)),
    [],
    "events of no recorded change"
  )
  assertTokensTold(events)
  const eventsOf = Map.groupBy(events, ({ event }): string => {
    // No race ends the sessions of all users.
    assert(event._tag !== "AllSessionsRevoked")
    return event.userId
  })
  const auditsOf = Map.groupBy(audits, (audit) => audit.userId)
  assert.deepStrictEqual([...eventsOf.keys()].toSorted(), users.map((user) => user.id).toSorted(), "users told of")
  for (const user of users) {
    const told = eventsOf.get(user.id) ?? []
    assertInOrder(user, told)
    assertState(user, told)
    assertCounts(told, auditsOf.get(user.id) ?? [])
  }
})

// Versions rise with the positions, one a transaction, and none is ahead of the row.
const assertInOrder = (user: UserRow, told: ReadonlyArray<EventRow>) => {
  const versions = told.map((row) => row.userVersion)
  assert.deepStrictEqual(
    versions,
    versions.toSorted((a, b) => a - b),
    `order of the changes of ${user.id}`
  )
  assert.isAtMost(versions.at(-1) ?? 0, user.version)
  const transactions = new Set(told.map((row) => row.transaction))
  const changes = new Set(told.map((row) => `${row.transaction} ${row.userVersion}`))
  assert.deepStrictEqual([new Set(versions).size, changes.size], [transactions.size, transactions.size])
  assert.strictEqual(told[0]?.event._tag, "UserRegistered", "what is told first of a user")
}

// What whoever followed the events believes is what is stored.
const assertState = (user: UserRow, told: ReadonlyArray<EventRow>) => {
  const fields = { ...user.fields }
  const tokens: Record<string, string> = {}
  const ended: Record<string, string> = {}
  let preferences = { version: 1, frequencyLimit: 50 }
  for (const { event } of told) {
    switch (event._tag) {
      case "UserUpdated":
        Object.assign(fields, event.updatedFields)
        break
      case "PreferencesUpdated":
        assert.strictEqual(event.preferences.version, preferences.version + 1, "versions of preferences told")
        preferences = event.preferences
        break
      case "SessionRevoked":
        assert.notProperty(ended, event.sessionId, "a session that ended twice")
        ended[event.sessionId] = event.reason
        break
      case "PushTokenAdded":
        assert.notProperty(tokens, event.tokenId, "a live token that was added")
        tokens[event.tokenId] = event.token
        break
      case "PushTokenRemoved":
        assert.strictEqual(tokens[event.tokenId], event.token, "a token that was removed")
        delete tokens[event.tokenId]
        break
      default:
      // Tells of nothing that is stored.
    }
  }
  assert.deepStrictEqual(fields, user.fields, "profile")
  assert.deepStrictEqual(tokens, user.tokens, "live push tokens")
  assert.deepStrictEqual(ended, user.ended, "ended sessions")
  assert.deepStrictEqual(
    [preferences.version, preferences.frequencyLimit],
    [user.preferencesVersion, user.frequencyLimit],
    "preferences"
  )
}

// A change that always tells of itself did so as often as it was put on record.
const assertCounts = (told: ReadonlyArray<EventRow>, audits: ReadonlyArray<AuditRow>) => {
  const pairs = [
    ["UserRegistered", "user.registered"],
    ["UserLoggedIn", "user.logged_in"],
    ["UserPasswordChanged", "user.password_changed"],
    ["UserUpdated", "profile.updated"],
    ["PreferencesUpdated", "preferences.updated"]
  ] as const
  for (const [tag, action] of pairs) {
    assert.strictEqual(
      told.filter(({ event }) => event._tag === tag).length,
      audits.filter((audit) => audit.action === action).length,
      `${tag} events for ${action} changes`
    )
  }
}

// A device token is live under one user at a time, also to one who follows all users' events.
const assertTokensTold = (events: ReadonlyArray<EventRow>) => {
  const holders = new Map<string, string>()
  for (const { event } of events) {
    if (event._tag === "PushTokenAdded") {
      assert.isFalse(holders.has(event.token), "a token added while it is live elsewhere")
      holders.set(event.token, event.userId)
    }
    if (event._tag === "PushTokenRemoved") {
      assert.strictEqual(holders.get(event.token), event.userId, "a token removed from who does not hold it")
      holders.delete(event.token)
    }
  }
}
