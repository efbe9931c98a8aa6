import * as Domain from "@user-service/domain/DomainEvent"
import { Email } from "@user-service/domain/Email"
import { defaultSettings, Preferences } from "@user-service/domain/Preferences"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { SessionId } from "@user-service/domain/Session"
import { UserId, Username } from "@user-service/domain/User"
import { DateTime } from "effect"
import { preferencesExample } from "../Preferences.ts"
import { livePushTokenExample } from "../PushToken.ts"
import { userExample } from "../User.ts"
import type { AsyncApiExample } from "./AsyncApi.ts"
import { reasonHeader } from "./DeadLetters.ts"
import { type RoutingKey, userEventMessage } from "./UserEvents.ts"

const userId = UserId.make(userExample.id)
const occurredAt = DateTime.makeUnsafe("2026-11-24T10:02:00Z")
const pushToken = {
  userId,
  tokenId: PushTokenId.make(livePushTokenExample.id),
  token: DeviceToken.make(livePushTokenExample.token),
  platform: livePushTokenExample.platform
}

/** An example event for each routing key. The document shows the messages that are published for them. */
const events: { readonly [Key in RoutingKey]: Domain.DomainEvent } = {
  "user.registered": new Domain.UserRegistered({
    userId,
    email: Email.make(userExample.email),
    username: Username.make(userExample.username)
  }),
  "user.updated": new Domain.UserUpdated({ userId, updatedFields: { phoneNumber: null, timezone: "Europe/London" } }),
  "user.password_changed": new Domain.UserPasswordChanged({ userId }),
  "user.logged_in": new Domain.UserLoggedIn({ userId }),
  "session.revoked": new Domain.SessionRevoked({
    userId,
    sessionId: SessionId.make("0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66"),
    reason: "logout"
  }),
  "preferences.updated": new Domain.PreferencesUpdated({
    userId,
    preferences: new Preferences({
      ...defaultSettings,
      id: preferencesExample.id,
      createdAt: DateTime.makeUnsafe(preferencesExample.created_at),
      updatedAt: occurredAt,
      version: 7
    })
  }),
  "token.added": new Domain.PushTokenAdded(pushToken),
  "token.removed": new Domain.PushTokenRemoved({ ...pushToken, reason: "logged_out" })
}

/** The example message for a routing key. */
export const eventExample = (routingKey: RoutingKey): AsyncApiExample => {
  const { body, headers } = userEventMessage({
    id: "0193a5c4-1d2e-7f30-8a4b-5c6d7e8f9012",
    event: events[routingKey],
    occurredAt,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  })
  return { name: routingKey, summary: "An event as it is published.", headers, payload: JSON.parse(body) }
}

/** Example status reports. */
export const reportExamples: ReadonlyArray<AsyncApiExample> = [
  {
    name: "delivered",
    summary: "The minimal report on a notification that was resolved by this service.",
    payload: { notification_id: "order-1815-shipped", status: "delivered" }
  },
  {
    name: "failed",
    summary: "A push that its provider refused permanently.",
    payload: {
      notification_id: "order-1815-shipped",
      status: "failed",
      channel: "push",
      push_token_id: livePushTokenExample.id,
      timestamp: "2026-11-24T10:02:00Z",
      error: "The device token is no longer active.",
      error_code: "Unregistered",
      provider: "apns"
    }
  }
]

/** An example of a dead letter. */
export const deadLetterExample: AsyncApiExample = {
  name: "unknown_notification",
  summary: "A report without a user, on a notification that was not resolved by this service.",
  headers: { [reasonHeader]: "unknown_notification" },
  payload: { notification_id: "order-1816-shipped", status: "delivered" }
}
