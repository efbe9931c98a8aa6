import type { TokenType } from "./PushToken.ts"

// FCM: firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode. APNs: developer.apple.com, "Handling notification
// responses from APNs". Expo: docs.expo.dev/push-notifications/sending-notifications, "Individual errors".
const names = new Set(["unregistered", "sender_id_mismatch", "baddevicetoken", "devicenotregistered"])

// HTTP statuses, whose meaning depends on the type. Web push: RFC 8030, section 7.3, and the answers of its services.
const statuses: Partial<Record<TokenType, ReadonlySet<string>>> = {
  apns: new Set(["410"]),
  vapid: new Set(["404", "410"])
}

const normalise = (code: string): string => code.trim().toLowerCase()

/** Whether the error means that a token of this type will never work again. Case-insensitive. */
export const isPermanent = (code: string, tokenType: TokenType): boolean => {
  const normal = normalise(code)
  return names.has(normal) || (statuses[tokenType]?.has(normal) ?? false)
}

/** Whether the error is permanent for any type of token. */
export const mayBePermanent = (code: string): boolean => {
  const normal = normalise(code)
  return names.has(normal) || Object.values(statuses).some((some) => some.has(normal))
}
