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

/** An event of each kind. The document shows the messages that the service would publish of them. */
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

/** The message of an event of this kind. */
export const eventExample = (routingKey: RoutingKey): AsyncApiExample => {
  const { body, headers } = userEventMessage({
    id: "0193a5c4-1d2e-7f30-8a4b-5c6d7e8f9012",
    event: events[routingKey],
    occurredAt,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  })
  return { name: routingKey, summary: "As the service publishes it.", headers, payload: JSON.parse(body) }
}

/** Reports on notifications as senders publish them. */
export const reportExamples: ReadonlyArray<AsyncApiExample> = [
  {
    name: "delivered",
    summary: "All that is needed of a notification that was resolved here.",
    payload: { notification_id: "order-1815-shipped", status: "delivered" }
  },
  {
    name: "failed",
    summary: "A push that its provider refused for good.",
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

/** A report that can never be applied. */
export const deadLetterExample: AsyncApiExample = {
  name: "unknown_notification",
  summary: "A report on a notification that was not resolved here, without its user.",
  headers: { [reasonHeader]: "unknown_notification" },
  payload: { notification_id: "order-1816-shipped", status: "delivered" }
}
