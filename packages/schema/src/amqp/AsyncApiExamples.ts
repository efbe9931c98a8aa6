import * as Domain from "@user-service/domain/DomainEvent"
import { Email } from "@user-service/domain/Email"
import * as Mails from "@user-service/domain/Mail"
import { defaultSettings, Preferences } from "@user-service/domain/Preferences"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { SessionId } from "@user-service/domain/Session"
import { UserId, Username } from "@user-service/domain/User"
import { Language } from "@user-service/domain/Profile"
import { DateTime, Redacted } from "effect"
import { preferencesExample } from "../Preferences.ts"
import { livePushTokenExample } from "../PushToken.ts"
import { userExample } from "../User.ts"
import type { AsyncApiExample } from "./AsyncApi.ts"
import { reasonHeader } from "./DeadLetters.ts"
import { type RoutingKey, userEventMessage } from "./UserEvents.ts"
import { type MailRoutingKey, userMailMessage } from "./UserMail.ts"

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
  "user.deleted": new Domain.UserDeleted({ userId, sessionIds: [] }),
  "user.password_changed": new Domain.UserPasswordChanged({ userId }),
  "user.email_changed": new Domain.UserEmailChanged({ userId }),
  "user.email_verified": new Domain.UserEmailVerified({ userId }),
  "user.logged_in": new Domain.UserLoggedIn({ userId }),
  "user.disabled": new Domain.UserDisabled({ userId }),
  "user.enabled": new Domain.UserEnabled({ userId }),
  "session.revoked": new Domain.SessionRevoked({
    userId,
    sessionId: SessionId.make("0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66"),
    reason: "logout"
  }),
  "sessions.all_revoked": new Domain.AllSessionsRevoked({ notBefore: occurredAt }),
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

const recipient = { userId, email: Email.make(userExample.email), language: Language.make("en") }
const withToken = {
  ...recipient,
  token: Redacted.make("Zk3vQ0t8rXb1nM5yH7cW2uJ9aL4eP6sD0gT8fKiVoBY"),
  expiresAt: DateTime.add(occurredAt, { hours: 1 })
}

/** An example mail for each routing key. The document shows the messages that are published for them. */
const mails: { readonly [Key in MailRoutingKey]: Mails.Mail } = {
  password_reset: new Mails.PasswordResetMail(withToken),
  email_verification: new Mails.EmailVerificationMail(withToken),
  email_change: new Mails.EmailChangeMail(withToken),
  email_change_requested: new Mails.EmailChangeRequestedMail(recipient),
  email_changed: new Mails.EmailChangedMail(recipient),
  security_notice: new Mails.SecurityNoticeMail({
    ...recipient,
    kind: "new_device",
    at: occurredAt,
    ip: "203.0.113.7",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
  })
}

/** The example message for a mail's routing key. */
export const mailExample = (routingKey: MailRoutingKey): AsyncApiExample => {
  const { body, headers } = userMailMessage({
    id: "0193a5c4-1d2e-7f30-8a4b-5c6d7e8f9013",
    mail: mails[routingKey],
    createdAt: occurredAt,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  })
  return { name: routingKey, summary: "A mail as it is published.", headers, payload: JSON.parse(body) }
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
  },
  {
    name: "bounced",
    summary: "An e-mail that bounced permanently. If this service resolved it, the address is suppressed.",
    payload: {
      notification_id: "newsletter-1815",
      status: "bounced",
      channel: "email",
      bounce_type: "hard",
      error: "550 5.1.1 User unknown",
      provider: "ses"
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
