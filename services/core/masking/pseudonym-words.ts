/** The two halves of readable pseudonyms: 256 words each, so that one byte of a hash chooses one. */
const words = (text: string): readonly string[] => text.split(' ');

export const adjectives = words(
  'able agile alert amber ample ancient arctic ardent autumn azure balmy beige blithe bold brave breezy bright ' +
    'brisk bronze brown bubbly calm candid canny careful cheery chilly civil clean clear clever cloudy coastal ' +
    'cobalt coral cosmic cosy crimson crisp crystal curly cyan dapper daring dawn deep deft distant dotted downy ' +
    'dreamy dry dusky dusty eager early earnest eastern easy elastic emerald even exact fair fancy fast fertile ' +
    'fine firm fleet floral fluffy flying fond formal fresh frosty frugal gentle genuine giant glad glassy ' +
    'glossy golden grand granite grassy great green grey happy hardy hazel hazy hearty hidden high honest humble ' +
    'icy indigo ivory jade jolly jovial joyful keen kind large lasting leafy level light lilac limber linen ' +
    'little lively local lofty long loyal lucid lucky lunar magenta mango maple marble maroon mellow merry ' +
    'mighty mild minty misty modern modest mossy musical narrow navy neat nimble noble novel oaken ocean ochre ' +
    'olive onyx opal open orange orderly outer pastel patient pearly plain playful plucky polar polite prairie ' +
    'proper proud pure purple quaint quick quiet rapid rare ready regal robust rosy round royal ruby rugged ' +
    'rustic sandy scarlet scenic serene shady sharp shiny silent silken silver simple sleek smart smooth snowy ' +
    'social soft solar solid sonic speedy spicy spring spry square stable starry steady still stony stout sturdy ' +
    'subtle summer sunlit sunny swift tall tame tawny teal tender tidy tiny topaz tropic trusty upbeat upper ' +
    'urban useful vast velvet violet vital vivid warm watery wavy white whole wide wild windy winter wise witty ' +
    'wooden woolly young zany zesty',
);

export const nouns = words(
  'acorn alder alpaca anchor antler apple apricot arrow ash aspen aster atlas badger bamboo banjo barley basil ' +
    'bay beacon bear beaver beech bell birch bison bloom bluff bobcat bough branch breeze bridge brook bugle ' +
    'cabin cactus camel canoe canyon cape caribou castle cedar cello cheetah cherry cinder citrus clam cliff ' +
    'cloud clover coast cobra comet compass condor cork cove coyote crane creek cricket crow cypress daisy dale ' +
    'deer delta desert dingo dolphin dove dragon drum duck dune eagle echo elder elk elm ember falcon fern ' +
    'ferret fiddle field fig finch fir fjord flame flute forest fossil fox gale garden garnet gazelle gecko ' +
    'geyser ginger glacier glade glen goose gopher grape gull hamlet harbor hare harp hawk heath hedge heron ' +
    'hill holly horizon ibex ibis inlet iris island ivy jaguar jasmine juniper kayak kelp kestrel kite koala ' +
    'lagoon lake lantern larch lark laurel lava lemon lemur leopard lichen lily linden lion llama lobster lotus ' +
    'lynx magpie mallard manatee marlin marmot marsh marten meadow melon mesa meteor mink mint moose moss moth ' +
    'mule nectar newt oak oasis ocelot octopus orca orchard orchid oriole osprey otter owl oyster palm panda ' +
    'panther parrot peach peak pear pebble pelican penguin peony pepper petal pigeon pine planet plover plum ' +
    'pond poplar poppy puffin puma quail quartz quince rabbit raccoon raven reef ridge river robin rocket rose ' +
    'rowan saddle saffron sage salmon sequoia shark shell shore sierra sloth snail spruce squid star stork ' +
    'stream summit swan thrush tiger timber toucan trout tulip tundra turtle valley walnut walrus willow wolf ' +
    'wren yak zebra zinnia',
);
