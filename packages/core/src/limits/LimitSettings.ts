import { type RateLimit, rateLimitConfig } from "@user-service/domain/RateLimit"
import { Config, Context, type Option } from "effect"

/** The rate limits by the operation that they guard. None if a limit is switched off. */
export class LimitSettings extends Context.Service<
  LimitSettings,
  {
    readonly register: Option.Option<RateLimit>
    readonly loginAccount: Option.Option<RateLimit>
    readonly loginIp: Option.Option<RateLimit>
    readonly refresh: Option.Option<RateLimit>
    readonly changePassword: Option.Option<RateLimit>
    /**
     * Per address that a mail would go to: requests for mails that reset a password. Counts in the same bucket as the requests under
     * `verifyEmail`, each with its own maximum, so that mixing the two brings no more mails. The mails of registrations have a bucket
     * of their own.
     */
    readonly passwordReset: Option.Option<RateLimit>
    /**
     * Per address that a mail goes to: mails that verify an address or confirm a change to it. Also the maximum of the mails of
     * registrations to an address, and of the requests of one user for a change to an address, each counted by itself.
     */
    readonly verifyEmail: Option.Option<RateLimit>
    /** Per client address: requests for any of these mails. */
    readonly mailIp: Option.Option<RateLimit>
    /** Per client address: refused confirmations with a one-time token. */
    readonly confirm: Option.Option<RateLimit>
    /** Per user: all writes that have no limit of their own. */
    readonly write: Option.Option<RateLimit>
    /** Per user: exports of the account. */
    readonly export: Option.Option<RateLimit>
    /** Per member of staff: exports of the audit log. */
    readonly auditExport: Option.Option<RateLimit>
    /** Per address: links that are not valid. Per user: changes by links. */
    readonly unsubscribe: Option.Option<RateLimit>
    /** Per service key: calls. */
    readonly serviceKey: Option.Option<RateLimit>
    /** Per address: calls with an invalid service key. */
    readonly serviceKeyIp: Option.Option<RateLimit>
  }
>()("@user-service/core/limits/LimitSettings") {
  /** `RATE_LIMIT_*`, each as `10/5m` or `off`. */
  static readonly config: Config.Config<LimitSettings["Service"]> = Config.all({
    register: rateLimitConfig("RATE_LIMIT_REGISTER", "register", "5/1h"),
    loginAccount: rateLimitConfig("RATE_LIMIT_LOGIN_ACCOUNT", "login-account", "10/5m"),
    loginIp: rateLimitConfig("RATE_LIMIT_LOGIN_IP", "login-ip", "100/5m"),
    refresh: rateLimitConfig("RATE_LIMIT_REFRESH", "refresh", "30/1m"),
    changePassword: rateLimitConfig("RATE_LIMIT_CHANGE_PASSWORD", "change-password", "5/15m"),
    passwordReset: rateLimitConfig("RATE_LIMIT_PASSWORD_RESET", "mail", "3/1h"),
    verifyEmail: rateLimitConfig("RATE_LIMIT_VERIFY_EMAIL", "mail", "3/1h"),
    mailIp: rateLimitConfig("RATE_LIMIT_MAIL_IP", "mail-ip", "20/1h"),
    confirm: rateLimitConfig("RATE_LIMIT_CONFIRM", "confirm", "10/15m"),
    write: rateLimitConfig("RATE_LIMIT_WRITE", "write", "300/1m"),
    export: rateLimitConfig("RATE_LIMIT_EXPORT", "export", "5/1h"),
    auditExport: rateLimitConfig("RATE_LIMIT_AUDIT_EXPORT", "audit-export", "5/1h"),
    unsubscribe: rateLimitConfig("RATE_LIMIT_UNSUBSCRIBE", "unsubscribe", "30/1m"),
    serviceKey: rateLimitConfig("RATE_LIMIT_SERVICE_KEY", "service-key", "60000/1m"),
    serviceKeyIp: rateLimitConfig("RATE_LIMIT_SERVICE_KEY_IP", "service-key-ip", "100/5m")
  })
}
