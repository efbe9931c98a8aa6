import type { TokenType } from "./PushToken.ts"

// FCM: firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode. APNs: developer.apple.com, "Handling notification
// responses from APNs". Expo: docs.expo.dev/push-notifications/sending-notifications, "Individual errors".
const names = new Set(["unregistered", "sender_id_mismatch", "baddevicetoken", "devicenotregistered"])

// HTTP statuses, which mean other things elsewhere. Web push: RFC 8030, section 7.3, and what its services answer with.
const statuses: Partial<Record<TokenType, ReadonlySet<string>>> = {
  apns: new Set(["410"]),
  vapid: new Set(["404", "410"])
}

const normalise = (code: string): string => code.trim().toLowerCase()

/** Whether the error says that a device of this kind will not be reached by its token any more. In any case of letters. */
export const isPermanent = (code: string, tokenType: TokenType): boolean => {
  const normal = normalise(code)
  return names.has(normal) || (statuses[tokenType]?.has(normal) ?? false)
}

/** Whether the error says that of any kind of token. */
export const mayBePermanent = (code: string): boolean => {
  const normal = normalise(code)
  return names.has(normal) || Object.values(statuses).some((some) => some.has(normal))
}
