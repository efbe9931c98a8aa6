import { Option, Schema } from "effect"
import { DeviceToken, TokenType } from "./PushToken.ts"

// 8 to 256 bytes in hexadecimal. Apple: "APNs device tokens are of variable length. Don't hard-code their size"
// (developer.apple.com, "Registering your app with APNs"). Those in use have 32 to 100 bytes.
const apns = /^(?:[0-9a-f]{2}){8,256}$/

// Many apps send the description of an NSData: "<740f4707 bebcf74f ...>".
const apnsForm = (token: string): string | undefined => {
  const form = token.replaceAll(/[<> ]/g, "").toLowerCase()
  return apns.test(form) ? form : undefined
}

// Firebase documents no alphabet. Its tokens are opaque and keep their case.
const fcm = /^[\x21-\x7e]+$/

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const uuidForm = (token: string): string | undefined => {
  const form = token.toLowerCase()
  return uuid.test(form) ? form : undefined
}

// The tokens that Expo's SDK accepts (expo-server-sdk-node, `isExpoPushToken`), in printable ASCII. It also accepts a UUID.
const expo = /^Expo(?:nent)?PushToken\[[!-Z\\^-~]+\]$/

// Both base64 alphabets, padded or not: btoa and PushSubscription.toJSON use different ones.
const Key = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9+/_-]+={0,2}$/))

// A PushSubscription in JSON (W3C Push API). Its `expirationTime` changes while the subscription stays the same.
const Subscription = Schema.fromJsonString(
  Schema.Struct({ endpoint: Schema.String, keys: Schema.Struct({ p256dh: Key, auth: Key }) })
)
const decodeSubscription = Schema.decodeUnknownOption(Subscription)

const keyForm = (key: string): string => key.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")

// An uncompressed P-256 point (65 bytes, the first is 4) and an authentication secret of 16 bytes (RFC 8291, sections 3.1 and 3.2), in
// base64url. The unused bits of the last character must be zero, so that a key has a single text.
const p256dhKey = /^B[A-P][\w-]{84}[AEIMQUYcgkosw048]$/
const authKey = /^[\w-]{21}[AQgw]$/

const vapidForm = (token: string): string | undefined => {
  // Most tokens are not JSON, and a failing parse would be the most expensive step here.
  if (!token.trimStart().startsWith("{")) return undefined
  const subscription = Option.getOrUndefined(decodeSubscription(token))
  if (subscription === undefined || !URL.canParse(subscription.endpoint)) return undefined
  const { href, password, protocol, username } = new URL(subscription.endpoint)
  if (protocol !== "https:" || username !== "" || password !== "") return undefined
  // A fragment is never sent to the server, so one subscription could have many endpoints.
  if (href.includes("#")) return undefined
  const keys = { p256dh: keyForm(subscription.keys.p256dh), auth: keyForm(subscription.keys.auth) }
  if (!p256dhKey.test(keys.p256dh) || !authKey.test(keys.auth)) return undefined
  return JSON.stringify({ endpoint: href, keys })
}

const kinds: Record<TokenType, { readonly form: (token: string) => string | undefined; readonly problem: string }> = {
  fcm: {
    form: (token) => (fcm.test(token) ? token : undefined),
    problem: "An FCM token is printable ASCII without spaces."
  },
  apns: { form: apnsForm, problem: "An APNs token is hexadecimal, of 8 to 256 bytes." },
  onesignal: { form: uuidForm, problem: "A OneSignal subscription id is a UUID." },
  vapid: {
    form: vapidForm,
    problem: "A web-push subscription is JSON with an https endpoint and the keys p256dh and auth."
  },
  expo: {
    form: (token) => (expo.test(token) ? token : uuidForm(token)),
    problem: "An Expo token is ExponentPushToken[...] or ExpoPushToken[...]."
  }
}

const isToken = Schema.is(DeviceToken)

/** The canonical form in which a token of this type is stored and compared. None if the text cannot be such a token. */
export const formOf = (type: TokenType, token: DeviceToken): Option.Option<DeviceToken> =>
  Option.filter(Option.fromUndefinedOr(kinds[type].form(token)), isToken)

/** All forms in which the token may be stored: unchanged, or canonical for any type. */
export const spellingsOf = (token: DeviceToken): ReadonlyArray<DeviceToken> => [
  ...new Set([token, ...TokenType.literals.flatMap((type) => Option.toArray(formOf(type, token)))])
]

/** The text cannot be a token of this type. */
export class DeviceTokenMalformed extends Schema.TaggedError<DeviceTokenMalformed>()(
  "DeviceTokenMalformed",
  {
    /** The input that is reported: the token, or a type that does not fit the stored token. */
    field: Schema.Literals(["token", "tokenType"]),
    tokenType: TokenType
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return kinds[this.tokenType].problem
  }
}

/** A token of Firebase Cloud Messaging, which has a single form. {@link DeviceToken} refuses a blank one. */
export const FcmToken = DeviceToken.check(
  Schema.makeFilter((token) => fcm.test(token) || token.trim() === "" || kinds.fcm.problem)
)
