import { PasswordPolicySettings } from "@user-service/core/accounts/PasswordPolicySettings"
import { CacheSettings } from "@user-service/core/cached/CacheSettings"
import { LimitSettings } from "@user-service/core/limits/LimitSettings"
import { PublicUrl } from "@user-service/core/PublicUrl"
import { PushTokenSettings } from "@user-service/core/push-tokens/PushTokenSettings"
import { SessionSettings } from "@user-service/core/SessionSettings"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { Duration, Layer, Option } from "effect"

/** What a test sets differently. */
export interface Overrides {
  readonly sessions?: Partial<SessionSettings["Service"]> | undefined
  readonly limits?: Partial<LimitSettings["Service"]> | undefined
}

// The lifetimes are short for the sake of what wakes up every few seconds while a test's clock passes over them.
const sessionSettings: SessionSettings["Service"] = {
  accessLifetime: Duration.minutes(10),
  refreshLifetime: Duration.hours(1),
  maxLifetime: Duration.hours(2.5),
  refreshGrace: Duration.seconds(10),
  maxSessions: 50
}

const unlimited: LimitSettings["Service"] = {
  register: Option.none(),
  loginAccount: Option.none(),
  loginIp: Option.none(),
  refresh: Option.none(),
  changePassword: Option.none(),
  passwordReset: Option.none(),
  verifyEmail: Option.none(),
  mailIp: Option.none(),
  confirm: Option.none(),
  write: Option.none(),
  export: Option.none(),
  auditExport: Option.none(),
  unsubscribe: Option.none(),
  serviceKey: Option.none(),
  serviceKeyIp: Option.none()
}

/** All settings of core and of the engines of security: without limits, with short sessions and cheap hashes. */
export const layer = ({ limits, sessions }: Overrides = {}) =>
  Layer.mergeAll(
    Layer.succeed(CacheSettings, { user: Duration.hours(1), preferences: Duration.hours(24) }),
    Layer.succeed(LimitSettings, { ...unlimited, ...limits }),
    Layer.succeed(PasswordPolicySettings, { minLength: 8 }),
    Layer.succeed(PasswordSettings, { cost: 4, queueSize: 64, niceness: 0 }),
    Layer.succeed(PublicUrl, "https://users.example.com"),
    Layer.succeed(PushTokenSettings, { maxTokens: 20 }),
    Layer.succeed(SessionSettings, { ...sessionSettings, ...sessions }),
    Layer.succeed(TokenSettings, { algorithm: "EdDSA", issuer: "user-service", audience: "user-service" })
  )
