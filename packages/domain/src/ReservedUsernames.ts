// Names that others would take for the service itself or its staff. The mailboxes of RFC 2142, and those to which a
// certificate authority sends proofs of control (CA/Browser Forum Baseline Requirements, section 3.2.2.4.4); the accounts
// of Unix that mail is sent by; and what services commonly call their own people and their own senders.
const reserved = new Set(
  [
    "abuse ftp hostmaster info marketing news noc postmaster sales security support usenet uucp webmaster www",
    "admin administrator",
    "daemon mailer-daemon nobody operator root sysadmin system",
    "account accounts anonymous api billing contact everyone help helpdesk me moderator no-reply noreply null official",
    "owner service staff superuser team undefined user-service"
  ].flatMap((line) => line.split(" "))
)

/** Whether the username is kept from everyone, whatever its case. */
export const isReservedUsername = (username: string): boolean => reserved.has(username.toLowerCase())
