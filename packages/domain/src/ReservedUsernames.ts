// Names that others would take for the service itself or its staff. The mailboxes of RFC 2142, and those to which a
// certificate authority sends proofs of control (CA/Browser Forum Baseline Requirements, section 3.2.2.4.4); the accounts
// of Unix that mail is sent by; and what services commonly call their own people and their own senders. In
// lower case, without the signs that may stand between the letters.
const reserved = new Set(
  [
    "abuse ftp hostmaster info marketing news noc postmaster sales security support usenet uucp webmaster www",
    "admin administrator administrators admins ssladmin ssladministrator superadmin superadmins",
    "adm bin daemon mailerdaemon nobody operator root sudo sys sysadmin sysadmins system toor wheel wwwdata",
    "alerts bounce bounces donotreply email mail mailer mailing newsletter noreply notification notifications smtp unsubscribe",
    "account accounts billing compliance contact customercare customerservice customersupport feedback finance help helpdesk",
    "invoices legal moderator moderators official ops owner payments privacy service staff superuser superusers team",
    "trustandsafety userservice",
    "anonymous api everyone me none null undefined unknown"
  ].flatMap((line) => line.split(" "))
)

/** Whether the username is kept from everyone, whatever its case and whatever signs stand between its letters. */
export const isReservedUsername = (username: string): boolean =>
  reserved.has(username.toLowerCase().replaceAll(/[._-]/g, ""))
