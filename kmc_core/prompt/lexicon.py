"""The English words by which a wish is read: which slot a noun speaks of, what a verb does, how words
inflect.

Tables hold singular nouns and plain verbs; `entries` adds plurals and verb forms. An underscore joins the
words of one entry. A word in no table is unknown: it is kept as written and stays with the words around it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

Slot = Literal["who", "clothes", "background", "light", "action", "camera", "shot", "style"]

# What a word is. The first row are the nouns that name a slot; "look" is hair, eyes and the like, "body" a
# part that moves, "pose" a posture named by a noun phrase, "thing" any object.
Tag = Literal[
    "person", "look", "body", "clothes", "place", "light", "style", "shot", "camera", "pose", "thing",
    "verb", "adjective", "adverb", "number", "article", "pronoun", "preposition", "wear", "and", "not",
    "filler", "stop", "close", "unknown",
]  # fmt: skip


def listed(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


NOUNS: Final[Mapping[Tag, str]] = {
    "person": """
    woman man girl boy person people child kid baby toddler lady gentleman guy dude figure character
    human hero heroine superhero robot android cyborg knight dancer ballerina singer rapper actor
    actress model soldier astronaut teacher professor doctor nurse surgeon student pupil teenager
    teen adult elder senior grandmother grandma granny grandfather grandpa mother mom mum father dad
    daughter son sister brother husband wife couple bride groom king queen prince princess wizard
    witch mage elf dwarf fairy mermaid vampire zombie ghost alien monster demon angel samurai ninja
    pirate cowboy cowgirl sheriff detective policeman policewoman police_officer firefighter fireman
    chef cook baker waiter waitress barista barber farmer fisherman hunter archer warrior viking
    gladiator monk nun priest conductor musician guitarist pianist violinist drummer dj painter
    artist mime clown magician juggler acrobat athlete player boxer surfer skater skateboarder
    snowboarder skier swimmer runner cyclist gymnast cheerleader goalkeeper businessman
    businesswoman boss secretary lawyer judge politician president scientist engineer mechanic
    worker builder carpenter sailor captain pilot driver reporter journalist anchor presenter host
    speaker influencer streamer vlogger photographer librarian hippie punk goth geisha shaman
    tourist traveler traveller hiker stranger friend neighbour neighbor crowd audience group family
    twin adventurer mannequin doll puppet cat dog bear fox rabbit panda wolf tiger lion monkey
    teammate viewer 1girl 1boy 2girls 2boys avatar idol skeleton giant bodybuilder gym_bro
    hairdresser stylist tailor paramedic pharmacist dentist chemist astronomer explorer spy thief
    hacker gamer gardener florist shopkeeper butler maid bartender sculptor composer poet writer
    coach referee biker trucker commuter villager peasant noble duke duchess emperor empress pharaoh
    goddess god saint prophet sage hermit alchemist sorcerer sorceress necromancer paladin barbarian
    assassin orc goblin troll gnome werewolf centaur minotaur dragon unicorn phoenix horse goat
    sheep cow pig duck penguin owl parrot squirrel raccoon hamster mouse elephant giraffe zebra
    kangaroo koala dinosaur rock_star pop_star movie_star film_star office_worker flight_attendant
    spectator onlooker bystander passer-by paparazzo mascot santa santa_claus
        """,
    "look": """
    hair eye beard moustache mustache goatee freckle skin braid ponytail bun bangs fringe afro
    dreadlock makeup make-up lipstick tattoo scar wrinkle eyelash eyebrow tail wing horn fang ear
    face_paint eye_patch wooden_leg metal chrome fur feather scale pigtail mohawk bob_cut curl
    complexion physique tan stubble sideburns ponytails dimple mole piercing_eyes fangs claw antler
    halo mane paw gills robe_of_feathers mascara eyeliner
        """,
    "body": "hand arm head shoulder finger leg foot hip knee face mouth elbow fist palm chest chin lip thumb",
    "clothes": """
    dress shirt t-shirt tshirt tee blouse top tank_top crop_top skirt trouser pants jean short
    shorts jacket coat raincoat trench_coat overcoat suit tuxedo tailcoat hoodie sweater jumper
    pullover cardigan vest uniform school_uniform kimono sari saree hanbok qipao cheongsam robe gown
    cloak cape poncho tutu leotard bodysuit jumpsuit wetsuit spacesuit swimsuit bikini pyjamas
    pajamas overall overalls dungarees apron hat cap beanie beret fedora helmet crown tiara veil
    headband bandana turban hood scarf shawl glove mitten boot shoe sneaker sandal heel high_heel
    sock stocking tights leggings legging tie bow_tie belt glasses sunglasses goggles mask armor
    armour chainmail costume outfit clothes clothing garment attire jewelry jewellery necklace
    earring bracelet ring watch chain gold_chain stethoscope backpack bag handbag jersey lace
    lingerie lab_coat tunic toga loincloth slipper turtleneck polo blazer windbreaker parka
    waistcoat bonnet eyeglasses spectacles monocle headphones headdress sash scrubs gauntlet spur
    wig hairband sweatpants flannel sweatshirt tracksuit sportswear corset collar sleeve suspenders
    badge loafer flip-flop slip-on hazmat_suit dress_shirt polo_shirt cargo_pants kilt petticoat
    bathrobe nightgown onesie hijab niqab burqa kippah sombrero cowboy_hat top_hat bowler_hat
    sun_hat straw_hat baseball_cap crown_of_thorns nose_ring piercing brooch cufflink trainers
    stiletto wellington space_helmet visor exosuit mech_suit bandage cast sarong dirndl lederhosen
    tabi yukata hakama obi keffiyeh epaulette gi swimming_trunks sequin_dress
        """,
    "place": """
    beach shore seaside lakeside riverside coast mountain_top hilltop street alley road highway room
    studio forest wood jungle park city town village kitchen office garden backyard yard desert
    mountain mountaintop hill cliff valley canyon cave sky sea ocean lake river waterfall pool stage
    wall background backdrop rain snow snowfall storm bridge cafe cafeteria coffee_shop bar pub club
    nightclub diner restaurant bakery shop store mall station subway train bus car airport platform
    gym field meadow library castle palace throne_room temple church cathedral shrine courtyard
    plaza square space outer_space moon mars planet earth underwater indoors outdoors inside outside
    bedroom living_room bathroom dining_room classroom school university lab laboratory hospital
    corridor hallway lobby stair staircase market roof rooftop balcony terrace garage basement attic
    warehouse factory workshop barn farm stadium arena court track ring runway catwalk theater
    theatre cinema museum gallery ballroom saloon hall amusement_park playground circus circus_tent
    tent ship deck boat harbor harbour pier island swamp glacier slope ice_rink skyline landscape
    scenery scene world tree cherry_blossom blossom fireplace window desk armchair sunflower_field
    flower_field bamboo_forest graveyard dungeon conference wedding party concert festival ruin
    tunnel lamp_post street_lamp floor porch cabin hut apartment house home building tower
    skyscraper metropolis neighborhood countryside vineyard orchard sand mud grass gravel pavement
    sidewalk crosswalk intersection campfire carpet rug rainforest savanna tundra prairie oasis
    lagoon reef seabed volcano crater asteroid spaceship spacecraft cockpit bunker prison cell
    courtroom parliament embassy bank post_office barbershop salon spa sauna pharmacy clinic
    operating_room nursery kindergarten auditorium dressing_room locker_room boxing_ring
    swimming_pool tennis_court football_field racetrack parking_lot gas_station bus_stop
    train_station dock lighthouse windmill greenhouse rice_field cornfield wheat_field moor marsh
    swampland fjord iceberg snowfield ski_slope bamboo_grove zen_garden pagoda mosque synagogue
    monastery crypt catacomb alleyway backstreet rooftop_bar jazz_club karaoke_bar casino arcade
    bowling_alley carnival fairground ferris_wheel carousel bookstore supermarket food_court
    night_market breeze cloud_sea void screen wallpaper bokeh_background green_screen waves lava
    snowflake podium
        """,
    "light": """
    light lighting sunset sunrise dawn dusk twilight night nighttime midnight noon daylight daytime
    morning afternoon evening day golden_hour blue_hour sunlight sunshine sunbeam moonlight
    starlight candlelight torchlight firelight lamplight spotlight backlight rim_light neon_light
    neon_glow glow shadow silhouette high_contrast low_key high_key overcast fog mist haze backlit
    full_moon god_ray flash_photography low-key_lighting high-key_lighting volumetric_light
    volumetric_lighting ambient_light strobe_light strobe lantern lantern_light fairy_lights
    string_lights christmas_lights headlights lamp sunray first_light magic_hour rim_lighting
    studio_lighting ring_light tone blue_tones warm_tones cold_tones reflection neon_reflections
        """,
    "style": """
    style photorealistic realistic hyperrealistic realism cartoon anime manga watercolor watercolour
    painting oil_painting sketch drawing illustration 3d 2d cinematic photo photograph photography
    footage render rendering comic pixel_art clay claymation stop_motion film film_noir noir movie
    vintage retro bokeh 4k 8k hd highly_detailed detailed ultra_detailed fisheye_lens lens
    depth_of_field shallow_depth_of_field black_and_white monochrome sepia pastel_colours
    pastel_colors vivid_colours vivid_colors pastel cyberpunk steampunk fantasy fantasy_art
    concept_art art artwork ghibli aesthetic mood atmosphere look cozy dreamy surreal minimalist
    ukiyo-e ink_wash low_poly documentary music_video hdr film_grain masterpiece best_quality
    high_quality gritty horror y2k vaporwave synthwave lo-fi webcam_style vlog_style pop_art
    art_deco art_nouveau impressionist expressionist baroque renaissance gouache charcoal
    pencil_drawing crayon paper_cut origami lego voxel unreal_engine octane_render cel-shaded
    cel_shading line_art chibi disney_style pixar_style trailer commercial advertisement infographic
    polaroid super_8 vhs found_footage hyper_detailed intricate shallow_focus soft_focus sharp_focus
    motion_blur lens_flare long_exposure tilt-shift anamorphic imax fisheye glamour
    hollywood_glamour
        """,
    "shot": """
    close-up closeup close_up extreme_close-up full_body full-body full_shot full_length half_body
    half-body half_shot upper_body waist_up portrait wide_shot wide_angle wide-angle long_shot
    headshot medium_shot medium_close-up bust bust_shot low_angle low_angle_shot high_angle
    high_angle_shot drone_shot aerial_shot aerial_view bird's_eye_view side_view front_view
    back_view cowboy_shot pov over_the_shoulder_shot establishing_shot eye_level
        """,
    "pose": "crossed_arms arms_crossed folded_arms arms_folded hands_on_hips hand_in_hand slow_motion",
    "thing": """
    camera balloon ball book sword gun weapon knife staff wand bow arrow shield flag umbrella flower
    rose bouquet phone laptop computer guitar violin piano drum microphone mirror chair bench sofa
    couch bed table mat cup glass bottle coffee tea cake candle burger pizza pasta milk car bicycle
    bike motorcycle horse whistle towel surfboard skateboard newspaper letter cigarette pipe text
    watermark subtitle logo caption blood smoke fire flame dust cloud star leaf bubble crystal
    machine truck string spring ceiling pudding railing lightning chandelier firefly fish bird
    butterfly throne punching_bag heavy_bag trampoline lollipop toy teddy_bear hip_hop hip-hop
    ballet salsa picnic conversation pigeon
        """,
}
NEVER_PLURAL: Final = listed("people pants shorts glasses sunglasses leggings jeans")
IRREGULAR_PLURALS: Final[Mapping[str, str]] = {
    "woman": "women", "man": "men", "person": "people", "child": "children", "wife": "wives", "elf": "elves",
    "dwarf": "dwarves", "policeman": "policemen", "fireman": "firemen", "fisherman": "fishermen",
    "businessman": "businessmen", "gentleman": "gentlemen", "foot": "feet", "scarf": "scarves",
    "wolf": "wolves",
    "leaf": "leaves", "businesswoman": "businesswomen", "policewoman": "policewomen", "samurai": "samurai",
    "ninja": "ninjas", "photo": "photos", "studio": "studios", "knife": "knives", "fish": "fish",
}  # fmt: skip

VERBS: Final = """
    wave walk run jog sprint dance jump leap hop skip clap applaud sing rap talk speak say tell
    whisper shout yell scream smile laugh giggle grin nod turn spin twirl rotate whirl point kick
    punch hit box fight sit stand bow curtsy kneel crouch squat lie lean crawl climb swim float fly
    fall stretch shrug cry weep frown blink wink look stare gaze glance watch raise lift lower cheer
    yawn exercise train play gesture explain breathe act facepalm salute greet hug kiss hold carry
    take put pick throw catch toss drop bounce juggle pour drink eat cook bake stir chop cut wash
    wipe clean sweep type write read draw paint knit sew drive ride skate skateboard surf ski
    snowboard pose flex march stroll wander stride strut shamble stagger stumble limp tiptoe sneak
    step stomp stamp shake pretend push pull drag open close knock touch rub scratch stroke pat comb
    brush adjust remove blow smoke light sip chew bite lick sneeze cough sleep rest meditate pray
    think ponder listen hear call film give show offer receive reach grab grasp squeeze cover hide
    peek present teach lecture perform conduct strum swing sway rock roll slide glide hover tip do
    make fix build repair shoot aim stab slash block dodge pirouette cartwheel moonwalk headbang
    beatbox move shiver tremble sweat relax wait pace approach leave enter return begin start
    continue stop try cast summon transform vanish lounge cradle clutch snap hum mouth mime pant
    gasp sigh blush pout beckon high-five shuffle tap drum hail hang stick chase splash dive wrestle
    argue whistle wrap zip polish scrub mop dig row paddle sail hike lead meet mix knead serve flip
    balance waltz tango bob freeze melt explode rise sink ascend descend flutter flap soar swoop
    gallop trot accept refuse agree disagree apologize celebrate rejoice mourn scold praise tease
    flirt propose marry introduce demonstrate narrate interview report announce preach chant sketch
    sculpt carve weld hammer saw screw drill measure weigh count sort stack load unload pack unpack
    squint glare peer scan inspect examine search find discover solve collect gather toast dine
    nibble swallow gulp slurp burp inhale exhale wheeze snore doze wake dream lunge tumble
    somersault backflip vault hurdle dribble pitch bat bowl spar parry thrust spread roar feed
    change smash growl bark howl purr groom unwrap
"""
IRREGULAR_PAST: Final[Mapping[str, str]] = {
    "ran": "run", "sang": "sing", "spoke": "speak", "said": "say", "told": "tell", "spun": "spin",
    "sat": "sit",
    "stood": "stand", "knelt": "kneel", "swam": "swim", "flew": "fly", "fell": "fall", "held": "hold",
    "took": "take", "threw": "throw", "caught": "catch", "drank": "drink", "ate": "eat", "wrote": "write",
    "drew": "draw", "drove": "drive", "rode": "ride", "shook": "shake", "gave": "give", "blew": "blow",
    "wept": "weep", "leapt": "leap", "slept": "sleep", "swung": "swing", "did": "do", "made": "make",
}  # fmt: skip
# The last letter of these is written twice before -ing and -ed.
DOUBLED: Final = listed(
    "run jog hop skip clap rap nod spin sit swim grin hug hit cut stir chop put drop pat step strut shrug "
    "squat tip grab stop snap hum tap rub drag"
)

ADJECTIVES: Final = """
    red blue green yellow orange purple pink brown black white grey gray navy teal beige gold golden
    silver cyan turquoise crimson scarlet maroon violet magenta lavender blonde blond ginger dark
    light_blue dark_blue bright pale colorful colourful young old elderly middle-aged little small
    tiny big large huge tall short long thin slim fat chubby muscular strong beautiful pretty
    handsome cute bald curly straight wavy messy elegant modern ancient empty busy crowded quiet
    rainy snowy sunny cloudy stormy foggy misty windy starry warm cold soft hard harsh dim natural
    dramatic glowing burning sparkling shining flashing flickering blurred blurry plain simple
    wooden leather velvet silk denim cotton woolen floral striped checkered plaid torn dirty clean
    shiny rusty female male left right both other happy sad angry tired serious calm wild barefoot
    white-haired grey-haired red-haired fluorescent enchanted magical futuristic industrial
    abandoned gothic medieval victorian spanish chinese japanese african asian european american
    indian royal tropical cobblestone indoor outdoor electric vintage pleated baggy tight loose
    oversized transparent tattooed bearded cat-eared mannequin-like heavy slow fast wide closed
    crossed solo sweaty graceful freckled masked hooded armored ornate lush dense thick smoky moody
    eerie whimsical epic sleek worn ragged bright-eyed rugged teenage petite curvy athletic lean
    dimly sunlit moonlit candlelit lit deserted quaint bustling rural urban suburban coastal frozen
    icy bubblegum pastel neon emerald sapphire ruby copper bronze ivory charcoal khaki olive mustard
    peach coral
"""
ADVERBS: Final = """
    slow slowly quickly fast gently happily sadly softly loudly energetically gracefully calmly
    straight twice once again together alone still forward forwards backward backwards upward
    upwards downward downwards sideways left right away back up down around off out over on apart
    overhead late early open wildly playfully warmly passionately
"""
PREPOSITIONS: Final = """
    in on at with inside under underneath near against behind beside besides by along across through
    over above below around between into onto to toward towards from of for down up off past among
    amid amidst before after in_front_of on_top_of next_to out_of close_to surrounded_by full_of
    made_of covered_in covered_with during beneath throughout within has have like
"""
NUMBERS: Final[Mapping[str, int]] = {
    "one": 1, "two": 2, "a_couple_of": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
SMALL_WORDS: Final[Mapping[Tag, str]] = {
    "article": "a an the her his their its my your this that these those some each another any",
    "pronoun": """
    she he they it him them her herself himself themselves someone somebody everyone everybody
    something anything everything
        """,
    "wear": "wearing wears wear dressed dressed_in dressed_as clad_in",
    "and": "and & while then but or as as_well_as plus also and_then nor",
    "not": """
    no not without never avoid don't doesn't isn't aren't nothing nobody cannot can't do_not
    does_not is_not are_not don't_show do_not_show no_more free_of won't dont isnt doesnt remove_the
    not_any without_any no_visible not_wearing isn't_wearing
        """,
    "filler": """
    is are am was be being been please make create generate want need i i'd like_to video clip there
    there's here should would will can let let's just very really so which who gets get starts_to
    begins_to animation give_me show_me i_want i_need something_like featuring shows a_video_of
    video_of a_clip_of clip_of an_animation_of animation_of make_a_video_of create_a_video_of
    generate_a_video_of
        """,
}
# Words that say nothing by themselves: two readings that differ in them alone are the same.
FUNCTION_WORDS: Final = {
    word
    for word in listed(
        " ".join((PREPOSITIONS, SMALL_WORDS["article"], SMALL_WORDS["and"], SMALL_WORDS["wear"]))
    )
    if "_" not in word
} | {"is", "are", "clad", "who", "which", "him", "well"}
PRONOUNS: Final[Mapping[str, str]] = {
    "she": "a woman", "he": "a man", "they": "people", "him": "a man", "her": "a woman",
    "someone": "a person", "somebody": "a person",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """All that a word can be; `lemma` is the plain verb when it can be one."""

    tags: frozenset[Tag]
    lemma: str = ""
    form: Literal["", "plain", "s", "ing", "past"] = ""


@cache
def entries() -> Mapping[str, Entry]:
    """Every known word or words joined by spaces, with plurals and verb forms."""
    found: dict[str, set[Tag]] = {}
    verbs: dict[str, tuple[str, Literal["", "plain", "s", "ing", "past"]]] = {}

    def add(word: str, tag: Tag) -> None:
        found.setdefault(word.replace("_", " "), set()).add(tag)

    for tag, text in NOUNS.items():
        for word in text.split():
            add(word, tag)
            if tag in ("person", "look", "body", "clothes", "place", "light", "thing"):
                add(plural(word), tag)
    for tag, text in SMALL_WORDS.items():
        for word in text.split():
            add(word, tag)
    others: dict[Tag, str] = {"adjective": ADJECTIVES, "adverb": ADVERBS, "preposition": PREPOSITIONS}
    for tag, text in others.items():
        for word in text.split():
            add(word, tag)
    for word in NUMBERS:
        add(word, "number")
    for lemma in VERBS.split():
        verbs |= {lemma: (lemma, "plain"), third_person(lemma): (lemma, "s")}
        verbs |= {past(lemma): (lemma, "past"), participle(lemma): (lemma, "ing")}
    verbs |= {word: (lemma, "past") for word, lemma in IRREGULAR_PAST.items()}
    for word in verbs:
        add(word, "verb")
    return {word: Entry(frozenset(tags), *verbs.get(word, ("", ""))) for word, tags in found.items()}


def plural(noun: str) -> str:
    """balloon -> balloons, woman -> women."""
    if noun in IRREGULAR_PLURALS or noun in NEVER_PLURAL:
        return IRREGULAR_PLURALS.get(noun, noun)
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def singular(noun: str) -> str:
    """The inverse of `plural` for nouns of the tables; other words are returned as they are."""
    return _singulars().get(noun, noun)


@cache
def _singulars() -> Mapping[str, str]:
    return {plural(word): word for text in NOUNS.values() for word in text.split() if word != "people"}


def article(word: str) -> str:
    """ "a" or "an"."""
    return "an" if word[:1].lower() in tuple("aeiou") else "a"


def participle(lemma: str) -> str:
    """wave -> waving, run -> running, lie -> lying."""
    if lemma.endswith("ie"):
        return f"{lemma[:-2]}ying"
    if lemma in DOUBLED:
        return f"{lemma}{lemma[-1]}ing"
    if lemma.endswith("e") and not lemma.endswith("ee") and lemma not in ("tiptoe", "high-five"):
        return f"{lemma[:-1]}ing"
    return f"{lemma.removesuffix('e') if lemma == 'high-five' else lemma}ing"


def third_person(lemma: str) -> str:
    """wave -> waves, punch -> punches, cry -> cries, do -> does."""
    return f"{lemma}es" if lemma == "do" else plural(lemma)


def past(lemma: str) -> str:
    """Regular past: waved, cried, nodded."""
    if lemma.endswith("e"):
        return f"{lemma}d"
    if lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
        return f"{lemma[:-1]}ied"
    return f"{lemma}{lemma[-1]}ed" if lemma in DOUBLED else f"{lemma}ed"


def content_words(text: str) -> set[str]:
    """Lower-case words that carry meaning."""
    found = re.findall(r"[^\W_]+(?:['\-][^\W_]+)*", text.lower())
    return {word for word in found if word not in FUNCTION_WORDS}
