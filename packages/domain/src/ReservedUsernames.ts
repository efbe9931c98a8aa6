// Names that could be mistaken for the service or its staff: the mailboxes of RFC 2142; those to which a certificate authority sends
// validation mail (CA/Browser Forum Baseline Requirements, section 3.2.2.4.4); Unix accounts that send mail; and common names of
// staff and senders. In lower case, without the signs `.`, `_` and `-`.
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

/** Whether the username is reserved, ignoring case and the signs `.`, `_` and `-`. */
export const isReservedUsername = (username: string): boolean =>
  reserved.has(username.toLowerCase().replaceAll(/[._-]/g, ""))
