import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./MailRelaySuite.ts"

suite("the relay of mails on PGlite", TestDatabase.layerPgLite, 1)
