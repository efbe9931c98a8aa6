import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { Platform, TokenRemovalReason } from "@user-service/domain/PushToken"
import { RevocationReason } from "@user-service/domain/Session"
import { type DateTime, Record, Schema, String } from "effect"
import { Id } from "../Id.ts"
import { PreferencesBody, preferencesBody } from "../Preferences.ts"
import { Timestamp, timestamp } from "../Timestamp.ts"

const time = { timestamp: Timestamp.annotateKey({ description: "When it happened." }) }
const commonFields = { user_id: Id.annotateKey({ description: "The user that the event is about." }), ...time }

const body = <const Type extends string, const Fields extends Schema.Struct.Fields>(eventType: Type, fields: Fields) =>
  Schema.Struct({ event_type: Schema.Literal(eventType), ...commonFields, ...fields })

/** The body of an event about all users. */
const bodyOfAll = <const Type extends string, const Fields extends Schema.Struct.Fields>(
  eventType: Type,
  fields: Fields
) => Schema.Struct({ event_type: Schema.Literal(eventType), ...time, ...fields })

const pushToken = {
  token_id: Id.annotateKey({ description: "The id of the push token in the HTTP API." }),
  token: Schema.String.annotateKey({ description: "The device token of the push service. A secret." }),
  device_type: Platform.annotateKey({ description: "The platform of the device." })
}

/** The bodies of events by routing key. */
export const bodies = {
  "user.registered": body("user_registered", {
    email: Schema.String.annotate({ format: "email" }),
    username: Schema.String
  }).annotate({ identifier: "UserRegistered", description: "A user has registered." }),
  "user.updated": body("user_updated", {
    updated_fields: Schema.Record(Schema.String, Schema.NullOr(Schema.String)).annotateKey({
      description: "The new values of the changed fields, under their names in the HTTP API."
    })
  }).annotate({ identifier: "UserUpdated", description: "A user's account or profile has changed." }),
  "user.deleted": body("user_deleted", {}).annotate({
    identifier: "UserDeleted",
    description:
      "A user is erased. The sessions, push tokens and preferences are gone without events of their own: delete what you " +
      "hold on the user. Events that were not published before are not published any more."
  }),
  "user.password_changed": body("user_password_changed", {}).annotate({
    identifier: "UserPasswordChanged",
    description: "A user's password has changed. Sessions that end with it have their own events."
  }),
  "user.email_changed": body("user_email_changed", {}).annotate({
    identifier: "UserEmailChanged",
    description:
      "A user has another e-mail address, which is verified. The `user.updated` that follows has the new address. " +
      "Sessions that end with it have their own events."
  }),
  "user.email_verified": body("user_email_verified", {}).annotate({
    identifier: "UserEmailVerified",
    description: "A user has proved that they read the mail of their e-mail address."
  }),
  "user.logged_in": body("user_logged_in", {}).annotate({
    identifier: "UserLoggedIn",
    description: "A user has logged in, which created a session."
  }),
  "user.disabled": body("user_disabled", {}).annotate({
    identifier: "UserDisabled",
    description: "A user's account was disabled. Sessions that end with it have their own events."
  }),
  "user.enabled": body("user_enabled", {}).annotate({
    identifier: "UserEnabled",
    description: "A user's account was enabled again. The user has to log in anew."
  }),
  "session.revoked": body("session_revoked", {
    session_id: Id.annotateKey({ description: "The session. Its tokens are refused from now on." }),
    reason: RevocationReason.annotateKey({
      description: "Why the session ended. Ignore unknown reasons: more may be added."
    })
  }).annotate({ identifier: "SessionRevoked", description: "A session has ended before it expired." }),
  "sessions.all_revoked": bodyOfAll("sessions_all_revoked", {
    not_before: Timestamp.annotateKey({
      description:
        "Sessions that were opened at or before this time have ended, and their tokens are refused. The clocks of the " +
        "service's processes may differ by milliseconds, so ask introspection about a session opened close to it."
    })
  }).annotate({
    identifier: "AllSessionsRevoked",
    description:
      "All sessions of all users have ended. There is no event for each session. Push tokens of these sessions that are " +
      "not registered again have their own events, over the following minutes."
  }),
  "preferences.updated": body("preferences_updated", {
    preferences: PreferencesBody,
    version: Schema.Int.annotateKey({
      description: "Increases with each change. The event with the highest version is current."
    })
  }).annotate({
    identifier: "PreferencesUpdated",
    description: "A user's notification preferences have changed. The event has all preferences after the change."
  }),
  "token.added": body("push_token_added", pushToken).annotate({
    identifier: "PushTokenAdded",
    description: "A push token has become active: push notifications can be sent to it."
  }),
  "token.removed": body("push_token_removed", {
    ...pushToken,
    reason: TokenRemovalReason.annotateKey({
      description: "Why the push token is no longer active. Ignore unknown reasons: more may be added."
    })
  }).annotate({
    identifier: "PushTokenRemoved",
    description: "A push token is no longer active: do not send to it."
  })
} as const

export type RoutingKey = keyof typeof bodies

/** The body of any event, discriminated by `event_type`. */
export const UserEventBody = Schema.Union(Object.values(bodies))
export type UserEventBody = typeof UserEventBody.Type

/** The fields of a body that are specific to its event. */
type EventFields<Key extends RoutingKey> = Omit<(typeof bodies)[Key]["Type"], "event_type" | "user_id" | "timestamp">

interface EventContent<Key extends RoutingKey = RoutingKey> {
  readonly routingKey: Key
  readonly fields: EventFields<Key>
}

const content = <Key extends RoutingKey>(routingKey: Key, fields: EventFields<Key>): EventContent<Key> => ({
  routingKey,
  fields
})

const contentOf = (event: DomainEvent): EventContent => {
  switch (event._tag) {
    case "UserRegistered":
      return content("user.registered", { email: event.email, username: event.username })
    case "UserUpdated":
      return content("user.updated", { updated_fields: Record.mapKeys(event.updatedFields, String.camelToSnake) })
    case "UserDeleted":
      return content("user.deleted", {})
    case "UserPasswordChanged":
      return content("user.password_changed", {})
    case "UserEmailChanged":
      return content("user.email_changed", {})
    case "UserEmailVerified":
      return content("user.email_verified", {})
    case "UserLoggedIn":
      return content("user.logged_in", {})
    case "UserDisabled":
      return content("user.disabled", {})
    case "UserEnabled":
      return content("user.enabled", {})
    case "AllSessionsRevoked":
      return content("sessions.all_revoked", { not_before: timestamp(event.notBefore) })
    case "SessionRevoked":
      return content("session.revoked", { session_id: event.sessionId, reason: event.reason })
    case "PreferencesUpdated":
      return content("preferences.updated", {
        preferences: preferencesBody(event.preferences),
        version: event.preferences.version
      })
    case "PushTokenAdded":
      return content("token.added", tokenOf(event))
    case "PushTokenRemoved":
      return content("token.removed", { ...tokenOf(event), reason: event.reason })
  }
}

const tokenOf = (event: Extract<DomainEvent, { readonly tokenId: string }>) => ({
  token_id: event.tokenId,
  token: event.token,
  device_type: event.platform
})

/** The priorities of urgent events: consumers greet new users, and reach new devices, sooner. */
export const priorities: { readonly [key in RoutingKey]?: number } = { "user.registered": 5, "token.added": 3 }

/** An event with the data of its outbox row. */
interface PublishedEvent {
  /** The id of the message, the same each time it is published. */
  readonly id: string
  readonly event: DomainEvent
  readonly occurredAt: DateTime.Utc
  /** The trace of the request that made the change (W3C Trace Context), if it was traced. */
  readonly traceparent: string | null
}

export const UserEventHeaders = Schema.Struct({
  "cloudEvents:id": Id.annotateKey({
    description: "The id of the event, which is also the `message_id`. The same each time the event is published."
  }),
  "cloudEvents:source": Schema.Literal("/user-service"),
  "cloudEvents:type": Schema.Literals(Record.keys(bodies)).annotateKey({ description: "The routing key." }),
  "cloudEvents:specversion": Schema.Literal("1.0"),
  "cloudEvents:time": Timestamp.annotateKey({ description: "When it happened, like `timestamp` in the body." }),
  "cloudEvents:subject": Schema.optionalKey(Id).annotateKey({
    description: "The user that the event is about. Absent if it is about all users."
  }),
  traceparent: Schema.optionalKey(Schema.String).annotateKey({
    description: "The trace of the request that made the change (W3C Trace Context), if it was traced."
  })
}).annotate({
  identifier: "UserEventHeaders",
  description: "The attributes of CloudEvents 1.0, in the binary mode of its AMQP binding, and the trace to continue."
})

/** An event as it is published to the exchange `user_events`. */
interface UserEventMessage {
  readonly routingKey: RoutingKey
  readonly priority: number | undefined
  /** JSON. */
  readonly body: string
  readonly headers: typeof UserEventHeaders.Type
}

/** Encodes an event as a message. */
export const userEventMessage = ({ event, id, occurredAt, traceparent }: PublishedEvent): UserEventMessage => {
  const { routingKey, fields } = contentOf(event)
  const time = timestamp(occurredAt)
  const userId = "userId" in event ? event.userId : undefined
  return {
    routingKey,
    priority: priorities[routingKey],
    body: JSON.stringify({
      event_type: bodies[routingKey].fields.event_type.literal,
      ...(userId === undefined ? {} : { user_id: userId }),
      timestamp: time,
      ...fields
    }),
    headers: {
      "cloudEvents:id": id,
      "cloudEvents:source": "/user-service",
      "cloudEvents:type": routingKey,
      "cloudEvents:specversion": "1.0",
      "cloudEvents:time": time,
      ...(userId === undefined ? {} : { "cloudEvents:subject": userId }),
      ...(traceparent === null ? {} : { traceparent })
    }
  }
}
