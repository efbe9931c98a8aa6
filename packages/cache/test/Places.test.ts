import { Places } from "@user-service/cache/Places"
import { onTestClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/PlacesSuite"

suite("Places.layerMemory", Places.layerMemory, onTestClock)
