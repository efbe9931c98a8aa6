import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { Platform, TokenRemovalReason } from "@user-service/domain/PushToken"
import { RevocationReason } from "@user-service/domain/Session"
import { type DateTime, Record, Schema, String } from "effect"
import { Id } from "../Id.ts"
import { PreferencesBody, preferencesBody } from "../Preferences.ts"
import { Timestamp, timestamp } from "../Timestamp.ts"

const always = {
  user_id: Id.annotateKey({ description: "The user whom the event is about." }),
  timestamp: Timestamp.annotateKey({ description: "When it happened." })
}

const body = <const Type extends string, const Fields extends Schema.Struct.Fields>(eventType: Type, fields: Fields) =>
  Schema.Struct({ event_type: Schema.Literal(eventType), ...always, ...fields })

const pushToken = {
  token_id: Id.annotateKey({ description: "The id of the push token in the HTTP API." }),
  token: Schema.String.annotateKey({ description: "The address of the installation at its push service. A secret." }),
  device_type: Platform.annotateKey({ description: "What kind of device it reaches." })
}

/** The bodies by routing key: what whoever is bound to the exchange `user_events` reads. */
export const bodies = {
  "user.registered": body("user_registered", {
    email: Schema.String.annotate({ format: "email" }),
    username: Schema.String
  }).annotate({ identifier: "UserRegistered", description: "A person has registered." }),
  "user.updated": body("user_updated", {
    updated_fields: Schema.Record(Schema.String, Schema.NullOr(Schema.String)).annotateKey({
      description: "The new value of each field that was set, under the name it has in the HTTP API."
    })
  }).annotate({ identifier: "UserUpdated", description: "A user's account or profile has changed." }),
  "user.password_changed": body("user_password_changed", {}).annotate({
    identifier: "UserPasswordChanged",
    description: "A user has a new password. The sessions that end with it have events of their own."
  }),
  "user.logged_in": body("user_logged_in", {}).annotate({
    identifier: "UserLoggedIn",
    description: "A user has logged in, which opened a session."
  }),
  "session.revoked": body("session_revoked", {
    session_id: Id.annotateKey({ description: "The session, whose tokens are refused from now on." }),
    reason: RevocationReason.annotateKey({
      description: "Why it ended. Ignore reasons that you do not know: there may be more."
    })
  }).annotate({ identifier: "SessionRevoked", description: "A session has ended before it expired." }),
  "preferences.updated": body("preferences_updated", {
    preferences: PreferencesBody,
    version: Schema.Int.annotateKey({ description: "Rises with each change: of two, the higher one stands." })
  }).annotate({
    identifier: "PreferencesUpdated",
    description: "A user wants to be reached in another way: the preferences as a whole, after the change."
  }),
  "token.added": body("push_token_added", pushToken).annotate({
    identifier: "PushTokenAdded",
    description: "A push token has become live: the user can be reached by it."
  }),
  "token.removed": body("push_token_removed", {
    ...pushToken,
    reason: TokenRemovalReason.annotateKey({
      description: "Why it is no longer live. Ignore reasons that you do not know: there may be more."
    })
  }).annotate({
    identifier: "PushTokenRemoved",
    description: "A push token is no longer live: send nothing to it any more."
  })
} as const

export type RoutingKey = keyof typeof bodies

/** The body of any event, told apart by `event_type`. */
export const UserEventBody = Schema.Union(Object.values(bodies))
export type UserEventBody = typeof UserEventBody.Type

/** What an event says beside what it is and when it was. */
type Said<Key extends RoutingKey> = Omit<(typeof bodies)[Key]["Type"], "event_type" | "user_id" | "timestamp">

interface Told<Key extends RoutingKey = RoutingKey> {
  readonly routingKey: Key
  readonly said: Said<Key>
}

const told = <Key extends RoutingKey>(routingKey: Key, said: Said<Key>): Told<Key> => ({ routingKey, said })

const tell = (event: DomainEvent): Told => {
  switch (event._tag) {
    case "UserRegistered":
      return told("user.registered", { email: event.email, username: event.username })
    case "UserUpdated":
      return told("user.updated", { updated_fields: Record.mapKeys(event.updatedFields, String.camelToSnake) })
    case "UserPasswordChanged":
      return told("user.password_changed", {})
    case "UserLoggedIn":
      return told("user.logged_in", {})
    case "SessionRevoked":
      return told("session.revoked", { session_id: event.sessionId, reason: event.reason })
    case "PreferencesUpdated":
      return told("preferences.updated", {
        preferences: preferencesBody(event.preferences),
        version: event.preferences.version
      })
    case "PushTokenAdded":
      return told("token.added", tokenOf(event))
    case "PushTokenRemoved":
      return told("token.removed", { ...tokenOf(event), reason: event.reason })
  }
}

const tokenOf = (event: Extract<DomainEvent, { readonly tokenId: string }>) => ({
  token_id: event.tokenId,
  token: event.token,
  device_type: event.platform
})

/** Beside the others of one queue; whoever is told first can greet, or reach, sooner. */
export const priorities: { readonly [key in RoutingKey]?: number } = { "user.registered": 5, "token.added": 3 }

/** An event and what its row in the outbox knows of it. */
interface Occurrence {
  /** The message's id: the same however often it is published. */
  readonly id: string
  readonly event: DomainEvent
  readonly occurredAt: DateTime.Utc
  /** Of the request that made the change (W3C Trace Context), where one was traced. */
  readonly traceparent: string | null
}

/** The headers of every event: CloudEvents 1.0 in the binary mode of its AMQP binding, and the trace to continue. */
export const UserEventHeaders = Schema.Struct({
  "cloudEvents:id": Id.annotateKey({
    description: "The id of the event, also the `message_id`. The same however often the event is published."
  }),
  "cloudEvents:source": Schema.Literal("/user-service"),
  "cloudEvents:type": Schema.Literals(Record.keys(bodies)).annotateKey({ description: "The routing key." }),
  "cloudEvents:specversion": Schema.Literal("1.0"),
  "cloudEvents:time": Timestamp.annotateKey({ description: "When it happened, as `timestamp` in the body." }),
  "cloudEvents:subject": Id.annotateKey({ description: "The user whom the event is about." }),
  traceparent: Schema.optionalKey(Schema.String).annotateKey({
    description: "The trace of the request that made the change (W3C Trace Context), where one was traced."
  })
}).annotate({
  identifier: "UserEventHeaders",
  description: "The attributes of CloudEvents 1.0, in the binary mode of its AMQP binding, and the trace to continue."
})

/** An event as it goes to the exchange `user_events`. */
interface UserEventMessage {
  readonly routingKey: RoutingKey
  readonly priority: number | undefined
  /** JSON. */
  readonly body: string
  readonly headers: typeof UserEventHeaders.Type
}

/** The message that tells of an event. */
export const userEventMessage = ({ event, id, occurredAt, traceparent }: Occurrence): UserEventMessage => {
  const { routingKey, said } = tell(event)
  const time = timestamp(occurredAt)
  return {
    routingKey,
    priority: priorities[routingKey],
    body: JSON.stringify({
      event_type: bodies[routingKey].fields.event_type.literal,
      user_id: event.userId,
      timestamp: time,
      ...said
    }),
    headers: {
      "cloudEvents:id": id,
      "cloudEvents:source": "/user-service",
      "cloudEvents:type": routingKey,
      "cloudEvents:specversion": "1.0",
      "cloudEvents:time": time,
      "cloudEvents:subject": event.userId,
      ...(traceparent === null ? {} : { traceparent })
    }
  }
}
