// Reads an Adaptive Card from standard input as Microsoft Teams does, and ends with 1 and the reasons if anything in it
// is not known or not valid.
const { AdaptiveCard, SerializationContext } = require(`${process.env.NODE_PATH}/adaptivecards/dist/adaptivecards.js`);

const context = new SerializationContext();
const card = new AdaptiveCard();
card.parse(JSON.parse(require("node:fs").readFileSync(0, "utf8")), context);
const parsed = Array.from({ length: context.eventCount }, (_, nth) => context.getEventAt(nth).message);
const checked = card.validateProperties().validationEvents.map((event) => event.message);
const reasons = [...parsed, ...checked];
if (card.getItemCount() === 0) reasons.push("the card is empty");
console.log(reasons.join("\n"));
process.exit(reasons.length === 0 ? 0 : 1);
