"""Chinese words of wishes in English, simplified and traditional.

Each line of a table is `Chinese Chinese ...: English`. A verb stands in the -ing form that prompts use.
Text is matched longest word first; characters of no table are kept as written.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from .lexicon import Tag

# Traditional and simplified form of characters that wishes use.
_PAIRS: Final = """
    個个 們们 僕仆 裡里 裏里 員员 師师 學学 習习 鏡镜 頭头 發发 髮发 長长 藍蓝 綠绿 紅红 黃黄 銀银
    鋼钢 鐵铁 鬍胡 鬚须 臉脸 龐庞 裝装 褲裤 襯衬 領领 帶带 圍围 襪袜 飾饰 劍剑 槍枪 傘伞 車车 馬马
    鳥鸟 魚鱼 貓猫 龍龙 蓮莲 蘭兰 樹树 葉叶 園园 場场 廳厅 廚厨 館馆 樓楼 臺台 牆墙 門门 燈灯 陽阳
    雲云 霧雾 風风 電电 濱滨 灣湾 島岛 嶼屿 橋桥 鄉乡 鎮镇 國国 際际 機机 關关 廣广 視视 寫写 實实
    畫画 動动 靜静 緩缓 轉转 開开 閉闭 點点 讚赞 說说 話话 講讲 聽听 讀读 書书 筆笔 紙纸 報报 腦脑
    網网 線线 麥麦 樂乐 隊队 彈弹 騎骑 術术 競竞 賽赛 運运 躍跃 飛飞 舉举 揮挥 擺摆 搖摇 擁拥 親亲
    邊边 對对 著着 後后 從从 這这 兩两 隻只 條条 雙双 頂顶 張张 沒没 無无 與与 並并 還还 讓让 請请
    為为 給给 當当 時时 間间 東东 歲岁 嬰婴 兒儿 孫孙 爺爷 媽妈 護护 醫医 藝艺 戰战 鬥斗 戲戏 劇剧
    導导 體体 驗验 衛卫 軍军 誰谁 過过 來来 進进 遠远 環环 繞绕 隨随 豎竖 橫横 側侧 氣气 溫温 燭烛
    塵尘 煙烟 輝辉 聖圣 誕诞 節节 歡欢 傷伤 淚泪 憤愤 驚惊 訝讶 嚴严 肅肃 認认 優优 華华 麗丽 簡简
    潔洁 複复 雜杂 餃饺 麵面 飯饭 湯汤 雞鸡 蘋苹 棗枣 壺壶 籃篮 籠笼 簾帘 鐘钟 錶表 鏈链 墜坠 寶宝
    鑽钻 絲丝 綢绸 緞缎 紗纱 織织 繡绣 縫缝 針针 滿满 灑洒 練练 靈灵 蠟蜡 沖冲 鋒锋 擊击 鬧闹 廠厂
    禮礼 寢寝 廢废 亞亚 歐欧 帥帅 壯壮 禿秃 鬆松 緊紧 舊旧 髒脏 淨净 淺浅 濃浓 純纯 豔艳 質质 膚肤
    歷历 鉛铅 漢汉 樸朴 腳脚 趕赶 圓圆 鋪铺 櫻樱 勞劳 獨独 嘆叹 鳴鸣 錄录 響响 聲声 齡龄 幾几 壞坏
    見见 觀观 賞赏 覺觉 陰阴 誌志 專专 業业 攝摄 記记 憶忆 協协 軌轨 跡迹 爾尔 製制 總总 統统 議议
    論论 種种 農农 漁渔 獵猎 牽牵 繩绳 紡纺 懸悬 掛挂 崗岗 縱纵 貼贴 標标 籤签 誤误 辦办 變变 換换
    臥卧 庫库 麼么 問问 塊块 處处 備备 區区 創创 紋纹 齊齐 養养 駕驾 駛驶 壓压 戀恋 拋抛 採采 撐撑
    曬晒 殘残 滾滚 濕湿 燒烧 爐炉 獅狮 異异 盪荡 蕩荡 盤盘 睜睁 穩稳 簽签 細细 繪绘 纖纤 翹翘 聰聪
    職职 艦舰 莊庄 補补 詞词 試试 詩诗 課课 調调 談谈 賣卖 買买 輕轻 輪轮 輛辆 辮辫 鄰邻 釣钓 鈴铃
    銅铜 錢钱 鍋锅 鎖锁 鎧铠 閃闪 閱阅 隱隐 頸颈 顆颗 題题 顏颜 願愿 類类 飲饮 餅饼 騰腾 鮮鲜 鷹鹰
    齒齿 夾夹 燦灿 爛烂 眾众 婦妇 巖岩 峽峡 彎弯 徑径 態态 慶庆 數数 斷断 晝昼 曉晓 樣样 檯台 欄栏
    灘滩 牀床 現现 禪禅 紀纪 級级 組组 結结 編编 縮缩 羅罗 聯联 藥药 蟲虫 衝冲 訓训 謝谢 豬猪 遊游
    選选 錦锦 鍛锻 閒闲 險险 韓韩 項项 順顺 額额 顫颤 飄飘 鳳凤 單单 傳传 勢势 層层 獎奖 碼码 絕绝
    緣缘 縣县 價价 億亿 僅仅 兇凶 別别 剛刚 劃划 勝胜 務务 吳吴 啟启 喚唤 嚇吓 圖图 執执 堅坚 奪夺
    寵宠 將将 尋寻 岡冈 帳帐 廟庙 彥彦 愛爱 憂忧 應应 懷怀 戶户 據据 擔担 敵敌 於于 會会 極极 榮荣
    槳桨 歎叹 殺杀 沈沉 決决 況况 潤润 澤泽 熱热 狀状 獸兽 瑪玛 畢毕 監监 盜盗 確确 禦御 窩窝 糧粮
    維维 緋绯 罰罚 聞闻 脫脱 腫肿 臨临 興兴 蘇苏 虛虚 設设 該该 諾诺 證证 識识 譯译 貝贝 財财 貨货
    費费 賓宾 趙赵 軟软 較较 載载 轎轿 邁迈 郵邮 醬酱 鉤钩 陣阵 陸陆 階阶 雖虽 頁页 頰颊 飼饲 餘余
    駐驻 鴨鸭 鴿鸽 黨党
"""

CLASSIFIERS: Final = "个位名只条把朵本群对件顶双张辆匹头副支根块杯盏座棵"
NUMBERS: Final[Mapping[str, str]] = {
    "一": "a", "二": "two", "两": "two", "三": "three", "四": "four", "五": "five", "六": "six",
    "七": "seven", "八": "eight", "九": "nine", "十": "ten",
}  # fmt: skip

_TABLES: Final[Mapping[Tag, str]] = {
    "person": """
        女人 女子 女性 女士 妇女: woman|美女: beautiful woman|男人 男子 男性 男士: man
        女孩 女孩子 姑娘 少女 女生: girl|男孩 男孩子 少年 男生: boy|小女孩: little girl
        小男孩: little boy|孩子 小孩 儿童 小朋友: child|婴儿 宝宝: baby|人 人物: person
        人们 人群 群众: crowd|路人: passer-by|老人: elderly person|老爷爷 爷爷 老头: grandfather
        老奶奶 奶奶 老太太: grandmother|老师 教师: teacher|学生: student|医生: doctor|护士: nurse
        厨师: chef|士兵 军人: soldier|警察: police officer|消防员: firefighter
        宇航员 航天员: astronaut|歌手: singer|女歌手: female singer|男歌手: male singer
        舞者 舞蹈演员: dancer|演员: actor|模特: model|画家: painter|音乐家: musician|武士: samurai
        骑士: knight|忍者: ninja|侠客 剑客: swordsman|公主: princess|王子: prince|国王: king
        女王 皇后: queen|魔法师 巫师: wizard|女巫: witch|精灵: elf|机器人: robot|僧人 和尚: monk
        新娘: bride|新郎: groom|爸爸 父亲: father|妈妈 母亲: mother|情侣 夫妻: couple|朋友: friend
        年轻人 青年: young person|商人: businessman|记者: reporter|主持人: host|运动员: athlete
        拳击手: boxer|农民: farmer|渔夫: fisherman|工人: worker|司机: driver|超级英雄: superhero
        美人鱼: mermaid|天使: angel|小丑: clown|观众: audience|猫: cat|狗: dog|熊猫: panda|熊: bear
        狐狸: fox|兔子: rabbit|老虎: tiger|猴子: monkey|角色: character|主播: host
        女主播: female host|男主播: male host|中年男人: middle-aged man|中年女人: middle-aged woman
        小伙子: young man|年轻女子: young woman|年轻男子: young man|老奶奶: grandmother
        外婆: grandmother|叔叔: uncle|阿姨: aunt|哥哥 弟弟: brother|姐姐 妹妹: sister|双胞胎: twins
        家人: family|同学: classmate|服务员: waiter|理发师: barber|消防员: firefighter
        科学家: scientist|工程师: engineer|律师: lawyer|作家: writer|诗人: poet|导演: director
        摄影师: photographer|魔术师: magician|海盗: pirate|牛仔: cowboy|侦探: detective|间谍: spy
        杀手: assassin|吸血鬼: vampire|僵尸: zombie|恶魔: demon|仙女: fairy|神仙: immortal
        仙人: immortal|将军: general|皇帝: emperor|书生: scholar|道士: taoist priest|女神: goddess
        猫咪 小猫: kitten|小狗: puppy|马: horse|猪: pig|鸡: chicken|鸭子: duck|企鹅: penguin
        狼: wolf|狮子: lion|大象: elephant|恐龙: dinosaur|外星人: alien|雪人: snowman
        芭蕾舞者: ballet dancer|街舞者: street dancer|乐队: band|白领: office worker
        上班族: office worker|空姐: flight attendant|飞行员: pilot|船长: captain|模特儿: model
        博主: blogger|网红: influencer|女仆: maid|管家: butler|其他人 别人: other people
        游客: tourist|行人: pedestrian
        """,
    "look": """
        长发: long hair|短发: short hair|金发: blonde hair|黑发: black hair|白发: white hair
        银发: silver hair|红发: red hair|卷发: curly hair|马尾 马尾辫: ponytail|辫子: braids
        双马尾: pigtails|头发: hair|胡子 胡须: beard|眼睛: eyes|雀斑: freckles|皮肤: skin
        纹身: tattoo|妆 化妆: makeup|翅膀: wings|尾巴: tail|猫耳: cat ears|光头: bald head
        刘海: bangs|疤痕: scar|中长发: medium-long hair|长直发: long straight hair
        黑长直: long straight black hair|丸子头: bun|波波头: bob cut|络腮胡: full beard
        大眼睛: big eyes|蓝眼睛: blue eyes|红唇: red lips|酒窝: dimples|皱纹: wrinkles|笑容: smile
        肌肉: muscles|身材: figure|兽耳: animal ears|角: horns|尖耳朵: pointed ears
        """,
    "clothes": """
        裙子 连衣裙: dress|长裙: long dress|短裙: short skirt|半身裙: skirt|衬衫: shirt
        T恤 t恤: t-shirt|上衣: top|毛衣: sweater|外套 夹克: jacket|大衣: coat|风衣: trench coat
        雨衣: raincoat|西装 西服: suit|卫衣: hoodie|背心: vest|裤子 长裤: trousers|短裤: shorts
        牛仔裤: jeans|制服: uniform|校服: school uniform|军装: military uniform|和服: kimono
        旗袍: qipao|汉服: hanfu|长袍 袍子: robe|斗篷 披风: cloak|婚纱: wedding dress|礼服: gown
        盔甲 铠甲: armor|宇航服: spacesuit|泳衣: swimsuit|睡衣: pyjamas|围裙: apron|帽子 帽: hat
        草帽: straw hat|头盔: helmet|皇冠 王冠: crown|围巾: scarf|手套: gloves|鞋 鞋子: shoes
        靴子: boots|高跟鞋: high heels|运动鞋: sneakers|袜子: socks|领带: tie|领结: bow tie
        眼镜: glasses|墨镜 太阳镜: sunglasses|口罩 面具: mask|首饰 珠宝: jewelry|项链: necklace
        耳环: earrings|背包: backpack|衣服 服装: clothes|耳机: headphones|连帽衫: hooded sweatshirt
        羽绒服: down jacket|皮衣 皮夹克: leather jacket|马甲: waistcoat|吊带裙: slip dress
        百褶裙: pleated skirt|晚礼服: evening gown|燕尾服: tailcoat|中山装: tunic suit
        唐装: tang suit|运动服: tracksuit|球衣: jersey|工作服: overalls|白大褂: white lab coat
        护士服: nurse uniform|警服: police uniform|西裤: suit trousers|丝袜: stockings
        拖鞋: slippers|皮鞋: leather shoes|凉鞋: sandals|贝雷帽: beret|棒球帽: baseball cap
        礼帽: top hat|头巾: headscarf|面纱: veil|披肩: shawl|腰带: belt|手表: watch|戒指: ring
        手镯 手链: bracelet|发卡 发夹: hair clip|蝴蝶结: bow|翅膀头饰: winged headpiece|兜帽: hood
        """,
    "place": """
        海边: seaside|沙滩 海滩: beach|大海 海: sea|海洋: ocean|湖边: lakeside|湖: lake
        河边: riverside|河: river|森林 树林: forest|竹林: bamboo forest|公园: park|花园: garden
        花海 花田: flower field|草地 草原: meadow|田野: field|沙漠: desert|山: mountain
        雪山: snowy mountain|山顶: mountain top|雪地: snowy field|天空: sky|星空: starry sky
        太空 宇宙: space|月球: moon|火星: mars|地球: earth|城市: city|都市: city
        未来城市: futuristic city|街道 街头 街: street|小巷 巷子: alley|马路 公路: road|桥: bridge
        房间: room|卧室: bedroom|客厅: living room|厨房: kitchen|浴室: bathroom|教室: classroom
        学校: school|校园: campus|办公室: office|图书馆: library|咖啡店 咖啡馆 咖啡厅: cafe
        餐厅 餐馆 饭店: restaurant|酒吧: bar|商店: shop|市场: market|医院: hospital|健身房: gym
        操场: playground|体育馆: gymnasium|舞台: stage|演唱会: concert|工作室 摄影棚: studio
        剧院: theater|电影院: cinema|博物馆: museum|寺庙: temple|教堂: church|城堡: castle
        宫殿: palace|屋顶 天台: rooftop|阳台: balcony|车站: station|地铁: subway|火车: train
        机场: airport|村庄 村子: village|乡村: countryside|瀑布: waterfall|洞穴: cave|雨: rain
        下雨 雨天: rain|下雪 雪天: snowfall|雪: snow|背景: background|墙: wall|樱花: cherry blossoms
        樱花树: cherry blossom tree|树: tree|树叶: leaves|落叶: fallen leaves|窗: window
        窗户: window|水下: underwater|室内: indoors|户外 室外: outdoors|废墟: ruins|工厂: factory
        庭院 院子: courtyard|走廊: corridor|楼梯: stairs|船: ship|泳池: pool|屏幕: screen
        黑板: blackboard|水坑: puddle|远处: distance|远方: distance|细雨 小雨: drizzle
        大雨 暴雨: heavy rain|雨夜: rainy night|大雪: heavy snow|雪花: snowflakes|古镇: ancient town
        古城: ancient city|江南水乡: water town|小镇: town|胡同: alley|夜市: night market
        超市: supermarket|商场: mall|酒店: hotel|大厅: hall|会议室: meeting room|实验室: laboratory
        书房: study|书店: bookstore|理发店: barbershop|舞厅: ballroom|音乐厅: concert hall
        录音棚: recording studio|赛道: race track|篮球场: basketball court|足球场: football field
        滑雪场: ski slope|拳击台: boxing ring|悬崖: cliff|峡谷: canyon|山谷: valley
        田园: countryside|稻田: rice field|麦田: wheat field|薰衣草田: lavender field
        向日葵田: sunflower field|草坪: lawn|枫叶: maple leaves|荷塘: lotus pond|池塘: pond
        岛: island|海底: seabed|港口: harbor|码头: pier|火山: volcano|飞船: spaceship
        太空站: space station|赛博城市: cyber city|摩天大楼: skyscraper|高楼: tall buildings
        天际线: skyline|地下室: basement|监狱: prison|法庭: courtroom|墓地: graveyard
        竹屋: bamboo hut|木屋: cabin|帐篷: tent|篝火: campfire|壁炉: fireplace|喷泉: fountain
        广场: square|路口: crossroads|人行道: sidewalk|斑马线: crosswalk|隧道: tunnel
        灯塔: lighthouse|云海: sea of clouds|云: clouds|彩虹: rainbow|烟花: fireworks|花瓣: petals
        樱花雨: falling cherry blossoms|雨中: rain|雪中: snow|建筑: buildings
        现代建筑: modern buildings|春天: spring|夏天: summer|秋天: autumn|冬天: winter|房间: room
        阁楼: attic|海底世界: underwater world|游乐园: amusement park|动物园: zoo|水族馆: aquarium
        图书馆: library|车库: garage
        """,
    "light": """
        日落 夕阳: sunset|日出: sunrise|黄昏 傍晚: dusk|清晨 早晨 早上: morning|中午: noon
        下午: afternoon|夜晚 晚上 夜里 夜: night|深夜: late night|白天: daytime|阳光: sunlight
        阳光明媚: bright sunlight|月光: moonlight|烛光: candlelight|霓虹灯: neon lights
        霓虹: neon light|聚光灯: spotlight|灯光 光线: light|自然光: natural light|柔光: soft light
        侧光: side light|逆光: backlight|暖光: warm light|冷光: cold light|雾 薄雾: fog
        阴天: overcast|晴天: sunny day|黄金时刻: golden hour|剪影: silhouette|彩灯: colored lights
        灯笼: lantern light|路灯: street light|车灯: headlights|霞光 晚霞: sunset glow
        朝霞: dawn glow|光影: light and shadow|阴影: shadow|柔和光线: soft light|强光: strong light
        顶光: top light|轮廓光: rim light|丁达尔效应: god rays|星光: starlight|火光: firelight
        午后: afternoon|凌晨: early morning|午夜: midnight|霓虹灯光: neon light|冷色调: cold tones
        暖色调: warm tones|色调: tones|晨光: morning light|余晖: afterglow
        """,
    "style": """
        风格: style|电影感 电影风格: cinematic|动漫风格 动漫风: anime style|动漫: anime
        卡通风格 卡通风: cartoon style|卡通: cartoon|写实风格: realistic style|写实 真实: realistic
        水彩风格: watercolor style|水彩 水彩画: watercolor|油画风格: oil painting style
        油画: oil painting|水墨风格 水墨风: ink wash style|水墨画 水墨: ink wash|素描: sketch
        赛博朋克: cyberpunk|蒸汽朋克: steampunk|古风: ancient chinese style|黑白: black and white
        复古: retro|胶片感 胶片: film|纪录片: documentary|高清: hd|插画: illustration
        像素风: pixel art|吉卜力风格: ghibli style|梦幻: dreamy|奇幻: fantasy|温馨: cozy|3d: 3d
        4k: 4k|8k: 8k|景深 浅景深: shallow depth of field|漫画: comic|细节丰富: highly detailed
        治愈: cozy|唯美: aesthetic|史诗感: epic|恐怖: horror|科幻: science fiction|科技感: high-tech
        未来感: futuristic style|国风: chinese style|水墨画风: ink wash style
        皮克斯风格: pixar style|迪士尼风格: disney style|宫崎骏风格: ghibli style
        日系: japanese style|韩系: korean style|欧美风: western style|港风: hong kong film style
        慢镜头: slow motion|极简: minimalist|超现实: surreal|3d动画: 3d animation
        像素风格: pixel art style|粘土风格: clay style|定格动画: stop motion|高质量: high quality
        杰作: masterpiece|逼真: photorealistic|质感: texture|氛围感: atmospheric
        民国风: republican-era chinese style|背景虚化 虚化: blurred background
        胶片质感: film texture|电影质感: cinematic
        """,
    "shot": """
        特写: close-up|大特写: extreme close-up|近景: medium close-up|中景: medium shot
        全身: full body|全景: wide shot|半身: half body|上半身: upper body|远景: long shot
        肖像 人像: portrait|广角: wide angle|仰拍 仰视: low angle|俯拍 俯视: high angle
        航拍: aerial shot|侧面: side view|正面: front view|背面: back view|第一人称: pov
        """,
    "pose": "双手抱胸 双臂交叉 抱臂: crossing arms|双手叉腰 叉腰: hands on hips|慢动作: slow motion",
    "thing": """
        气球: balloon|花: flower|玫瑰: rose|书: book|报纸: newspaper|手机: phone|电脑: computer
        吉他: guitar|小提琴: violin|钢琴: piano|鼓: drum|麦克风 话筒: microphone|剑 刀 长剑: sword
        枪: gun|武器: weapon|伞 雨伞: umbrella|旗子 旗: flag|球: ball|篮球: basketball
        足球: football|杯子: cup|咖啡: coffee|茶: tea|水: water|蛋糕: cake|酒: wine|沙发: sofa
        椅子: chair|长椅: bench|床: bed|桌子: table|镜子: mirror|车 汽车: car|自行车: bicycle
        马: horse|烟: cigarette|血: blood|文字 字幕: text|水印: watermark|饺子: dumplings
        面条: noodles|镜头: camera|饭: food|雪人: snowman|火: fire|泡泡: bubbles
        油纸伞: oil-paper umbrella|彩灯: colored lights|灯笼: lantern|扇子 折扇: folding fan
        书包: school bag|玩具: toy|礼物: gift|信: letter|酒杯: wine glass|面具: mask|风筝: kite
        秋千: swing|乐器: instrument|笔: pen|画笔: paintbrush|相机: camera|自拍杆: selfie stick
        魔法棒 法杖: magic wand|盾牌: shield|弓箭: bow and arrow|火焰: flames|烟雾: smoke
        蝴蝶: butterfly|鸟: bird|鱼: fish|篮子: basket|水果: fruit|苹果: apple|冰淇淋: ice cream
        棒棒糖: lollipop|汉堡: burger|面包: bread|火锅: hotpot|多余的手指: extra fingers
        茶杯: teacup|意大利面: spaghetti|一盘意大利面: a plate of spaghetti|摩托车: motorcycle
        毛线球: ball of yarn|鸽子: pigeons|行李箱: suitcase|蛋糕: cake|钥匙: key|灯泡: light bulb
        地图: map|望远镜: telescope
        """,
    "body": """
        手: hand|双手: both hands|右手: right hand|左手: left hand|头: head|手臂 胳膊: arm
        双臂: both arms|脸: face|腿: leg|肩膀: shoulder
        """,
    "verb": """
        跳舞 起舞 舞蹈: dancing|挥手 招手: waving|走 走路 行走 步行 走动: walking|散步: strolling
        跑 跑步 奔跑: running|跳 跳跃 跳起: jumping|鼓掌 拍手: clapping|唱歌 歌唱: singing
        唱: singing|说话 讲话: talking|说: saying|讲课 上课: lecturing|演讲: giving a speech
        笑 大笑: laughing|微笑: smiling|哭 哭泣: crying|点头: nodding|摇头: shaking the head
        转身: turning around|转头: turning the head|旋转 转圈: spinning|指向 指着: pointing
        指: pointing|踢: kicking|打拳 出拳: punching|坐 坐下: sitting|站 站立: standing|躺: lying
        跪: kneeling|蹲: crouching|鞠躬: bowing|敬礼: saluting|耸肩: shrugging|眨眼: winking
        看: looking|看书 读书: reading a book|看镜头 看向镜头: looking at the camera
        读 阅读: reading|写字 写: writing|画画: drawing|喝: drinking|吃: eating|做饭 烹饪: cooking
        包: making|做: doing|弹 弹奏: playing|弹吉他: playing the guitar|弹钢琴: playing the piano
        拉小提琴: playing the violin|拿 手持 手拿 拿起: holding|举 举起: raising
        举手: raising a hand|抱: holding|拥抱: hugging|牵手 手牵手: holding hands|亲吻: kissing
        拔剑: drawing a sword|舞剑: dancing with a sword|挥剑: swinging a sword|骑: riding
        骑马: riding a horse|骑车: riding a bicycle|开车: driving|游泳: swimming
        飞 飞翔 飞行: flying|漂浮: floating|打坐 冥想: meditating|打太极: practising tai chi
        做瑜伽: doing yoga|锻炼 健身: exercising|打篮球: playing basketball|踢足球: playing football
        滑雪: skiing|睡觉: sleeping|打电话: talking on the phone|思考: thinking|挥动 挥舞: waving
        张开双臂: spreading the arms|比心: making a heart with the hands
        捂脸: covering the face with a hand|倒: pouring|推: pushing|拉: pulling|堆: building
        摔倒 跌倒: falling|抽烟: smoking|表演: performing|站着: standing|移动: moving|靠: leaning
        回头: looking back|伸展: stretching|叹气: sighing|打哈欠: yawning|玩: playing
        打招呼: greeting|听: listening|听音乐: listening to music|看向: looking at
        望着 望向: gazing at|凝视: gazing|盯着: staring at|回头看: looking back
        低头: lowering the head|抬头: looking up|转圈圈: spinning|跳街舞: street dancing
        跳芭蕾: dancing ballet|翻跟头 翻跟斗: somersaulting|后空翻: doing a backflip|打架: fighting
        拥吻: kissing|吃饭: eating|吃面: eating noodles|喝茶: drinking tea|喝咖啡: drinking coffee
        喝水: drinking water|喝酒: drinking wine|泡茶: making tea|切菜: chopping vegetables
        炒菜: cooking|洗碗: washing dishes|扫地: sweeping the floor|打扫: cleaning
        洗脸: washing the face|刷牙: brushing teeth|梳头: combing the hair|化妆: putting on makeup
        自拍: taking a selfie|拍照: taking photos|打字: typing|打电脑: typing on a computer
        玩手机: looking at a phone|打鼓: playing the drums|吹笛子: playing the flute
        吹口哨: whistling|弹古筝: playing the guzheng|写书法: writing calligraphy
        射箭: shooting an arrow|练武 打功夫: practising kung fu|踢腿: kicking
        扎马步: holding a horse stance|俯卧撑: doing push-ups|做俯卧撑: doing push-ups
        举重: lifting weights|跳绳: skipping rope|滑板: skateboarding|溜冰 滑冰: ice skating
        冲浪: surfing|爬山: climbing a mountain|钓鱼: fishing|放风筝: flying a kite
        荡秋千: swinging on a swing|吹泡泡: blowing bubbles|吹蜡烛: blowing out candles
        许愿: making a wish|祈祷: praying|发呆: daydreaming|伸懒腰: stretching|打喷嚏: sneezing
        咳嗽: coughing|喘气: panting|颤抖 发抖: trembling|害羞: blushing|皱眉: frowning
        大喊 喊叫: shouting|尖叫: screaming|低语: whispering|聊天: chatting|讨论: discussing
        争吵 吵架: arguing|求婚: proposing|撒花: throwing petals|扔: throwing|接住: catching
        捡起: picking up|打开: opening|关上: closing|敲门: knocking on the door
        推门: pushing a door open|走路: walking|走来走去: pacing|走来: walking over
        跑来: running over|起身 站起来: standing up|坐下来: sitting down|躺下: lying down
        摆手: waving|摆姿势: posing|竖起大拇指 点赞: giving a thumbs up|比耶: making a peace sign
        叹息: sighing|飘: floating|飘落: falling|驾驶: driving|挥剑: swinging a sword
        端着 端: holding|撑着 撑: holding|抱着: holding|背着: carrying|推着: pushing|牵着: leading
        摘下 脱下: taking off|戴上: putting on|弹琴: playing the piano|蹦跳 蹦蹦跳跳: jumping
        喂鸽子: feeding pigeons|喂: feeding|骑摩托车: riding a motorcycle|骑自行车: riding a bicycle
        打扮: dressing up|流泪: weeping|飞奔: running|漫步: strolling|徘徊: pacing
        歌舞: singing and dancing
        """,
    "adjective": """
        红色 红 红色的: red|蓝色 蓝: blue|绿色 绿: green|黄色 黄: yellow|橙色: orange
        紫色 紫: purple|粉色 粉红色 粉红: pink|棕色 褐色: brown|黑色 黑: black|白色 白: white
        灰色 灰: grey|金色: golden|银色: silver|深蓝色: dark blue|浅蓝色: light blue|米色: beige
        年轻: young|年老 老: old|小: small|大: big|高大 高: tall|长: long|短: short|瘦: thin|胖: fat
        美丽 漂亮: beautiful|帅气 英俊: handsome|可爱: cute|现代: modern|古老: ancient
        空旷 空荡荡: empty|拥挤 热闹: crowded|安静: quiet|温暖: warm|昏暗: dim|黑暗: dark
        明亮: bright|柔和: soft|未来: futuristic|古代: ancient|木制 木: wooden|皮 皮革: leather
        丝绸: silk|破旧: shabby|优雅: elegant|神秘: mysterious|中国: chinese|日本: japanese
        条纹: striped|格子: checkered|戏剧性: dramatic|中年: middle-aged|青色: cyan|酒红色: burgundy
        卡其色: khaki|墨绿色: dark green|天蓝色: sky blue|透明: transparent|闪亮 闪闪发光: sparkling
        复古: vintage|华丽: ornate|破烂: ragged|精致: delicate|苍老: aged|强壮: strong
        健壮: muscular|苗条: slim|帅: handsome|美: beautiful|神圣: sacred|繁华: bustling
        荒凉: desolate|宁静: tranquil|浪漫: romantic|温柔: gentle|冷: cold|热: hot|干净: clean
        巨大: huge|迷你: tiny|毛茸茸: fluffy|纯白: pure white|纯黑: pure black|豪华: luxurious
        凌乱: messy|其他: other|潮湿: wet|斑驳: mottled|胖胖: chubby
        """,
    "adverb": """
        缓慢 慢慢 缓缓: slowly|快速 迅速: quickly|轻轻: gently|开心 高兴 快乐: happily
        优雅地: gracefully|左 左边 左侧: left|右 右边 右侧: right|一起: together|大声: loudly
        """,
    "preposition": """
        在: at|对 对着 面对 向 朝 朝着: at|沿着 沿: along|穿过: through|跟 用 留着 长着 带着: with
        从: from|过: across
        """,
    "wear": "穿 穿着 身穿 身着 戴 戴着 头戴 佩戴 系着 披着: wearing",
    "article": "她的 他的 他们的: their|一些: some",
    "pronoun": "她: she|他: he|他们 她们: they|它: it|自己: it",
    "and": "和 与 并 并且 然后 接着 同时 以及 还有: and|但 但是: but",
    "not": "不 没有 没 无 不要 不带 别 不能: no|不戴 没戴 没有戴 不穿 没穿 没有穿 未戴: not wearing",
    "filler": """
        着 了 是 有 们 请 我 我想 我要 想要 生成 制作 视频 一下 地 任何 出现:
        正在 正 并肩 里 中 内 上 间 旁 里面 上面 下面 前面 后面 旁边 处:|画面 下 前 后 旁 边:
        """,
    "close": "的:",
}
# What stands behind a place and says where: the preposition that English puts before it.
POSTPOSITIONS: Final[Mapping[str, str]] = {
    "里": "in", "中": "in", "内": "in", "里面": "in", "上": "on", "上面": "on",
    "下": "under", "下面": "under",
    "前": "in front of", "前面": "in front of", "后": "behind", "后面": "behind",
    "旁": "beside", "旁边": "beside",
    "边": "beside",
}  # fmt: skip


@cache
def entries() -> Mapping[str, tuple[Tag, str]]:
    """Chinese word (simplified) -> what it is and its English."""
    found: dict[str, tuple[Tag, str]] = {}
    for tag, text in _TABLES.items():
        for line in (part for row in text.strip().splitlines() for part in row.strip().split("|")):
            words, english = line.split(":", 1)
            found |= {word.lower(): (tag, english.strip()) for word in words.split()}
    return found


@cache
def longest() -> int:
    """Characters of the longest entry."""
    return max(len(word) for word in entries())


def simplified(text: str) -> str:
    """The text with traditional characters in their simplified form; its length stays the same."""
    return text.translate(_to_simplified())


@cache
def _to_simplified() -> dict[int, int]:
    return {ord(traditional): ord(simple) for traditional, simple in _PAIRS.split()}


def is_chinese(character: str) -> bool:
    """True for a CJK ideograph."""
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf"
