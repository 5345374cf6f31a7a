"""Guess the code page of a zip's names, where the zip does not say it: once for the whole archive, over all names.

By the zip specification a name without the UTF-8 flag is in cp437, but systems write their own code page there. Each
candidate is scored by how common the characters are that it makes of the bytes. The national character sets help: they
hold common characters first, and rare ones in a second level (GB 2312, Big5, JIS X 0208; KS X 1001 sorts by alphabet).
Libraries that guess the encoding of texts need more of them than folders' names have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

BYTES_MOST = 20_000  # of different names that are looked at; more would not change the result
TITLES = {
    "utf-8": "UTF-8",
    "cp932": "Japanese (Shift-JIS)",
    "gbk": "simplified Chinese (GBK)",
    "big5": "traditional Chinese (Big5)",
    "cp949": "Korean (EUC-KR)",
    "cp866": "Cyrillic (cp866)",
    "cp437": "Western European (cp437)",
    "cp850": "Western European (cp850)",
}
# How likely a character is in a name, 0..1, by its place in the character set.
LIKELY, COMMON, SHARED, RARE, ODD, OUT = 1.0, 0.9, 0.7, 0.3, 0.1, 0.05
BESIDE_LATIN = 0.6  # factor for a character of another script right beside an ASCII letter
ACCIDENT_BYTES = 8  # so few bytes may be valid UTF-8 by accident: two Chinese characters in GBK are in 1 of 30 cases
# The commonest Korean syllables; the character set holds 2,350, by alphabet.
SYLLABLES = frozenset(
    "가각간갈감갑강개객거건걸검것게겨격견결경계고곡곤골공과관광교구국군굴궁권귀규균그근글금급기긴길김까깨꼬꽃끼나난날남납낭내"
    "냉너널네년녕노녹논농뇌누눈느는늘능니다단달닭담답당대댁더덕데도독돈돌동돼되두둑뒤드득든들등디따딸때떡또라락란랄람랑래량러"
    "런레려력련렬렴령례로록론료루류륙률르른를름리린림립마막만말맛망매맥맨머먹먼메면명모목몰몸묘무묵문물미민밀바박반발밤밥방배"
    "백뱀버번벌범법벚베벽변별병보복본볼봉부북분불붕비빈빙빵빨뿔사산살삼상새색생서석선설섬성세소속손솔송쇠수숙순술숨숲슈스슬습"
    "승시식신실심십싸쌀쓰씨아악안알암압앙애액야약양어억언얼엄업없에여역연열염엽영예오옥온올옷와완왕외요욕용우욱운울원월위유육윤"
    "율으은을음읍응의이익인일임입잎자작잔잠장재저적전절점접정제조족존종좌주죽준줄중쥐즈즉증지직진질집징짜차착찬참창채책처척천철"
    "첨청체초촉촌총최추축춘출충취치칙친칠침칼카칸칼캐커컴컵케코콜콩쿠크큰클키타탁탄탈탑탕태택터테토톤통투튜트특티틱틴팀파판팔패"
    "팽퍼펌페펴편평폐포폭폰표푸풀품풍프플피필하학한할함합항해핵행향허험헬혁현혈협형혜호혼홍화확환활황회획횟효후훈휘휴흉흐흑흔흙"
    "흥희흰히힘"
)


# Characters that are frequent in names of things, simplified and traditional.
HAN = frozenset(
    "一二三四五六七八九十百千上下左右大小中多少高低长短長新旧舊前后後内外東东西南北年月日天時时不未无無有是否正常异異合格"
    "良优優好坏壞差品次缺陷划痕傷伤污破裂損损孔洞真假对對错錯男女人儿兒童子孩老父母手足头頭脸臉眼口耳鼻心身体體猫貓狗犬牛"
    "马馬羊猪豬鸡雞鸭鴨鹅鵝鸟鳥鱼魚虫蟲虎狮獅象猴兔鼠蛇龙龍熊狼狐鹿蝶蜂蚂蟻蜘蛛龟龜蛙鲸鯨鹰鷹花草树樹木林叶葉竹梅兰蘭菊玫"
    "瑰向葵桃杏李樱櫻松柏果苹蘋蕉香橙橘柠檸檬葡萄瓜莓梨枣棗菜豆米麦麥茶咖啡山水河海湖江石土沙金银銀铜銅铁鐵玻璃纸紙板塑料"
    "膠瓶罐盒袋布皮电電池垃圾可回收厨廚余餘其他它类類别別種种车車汽自行公交火飞飛机機船舟轮輪摩托卡客货貨轿路灯燈桥橋房屋"
    "楼樓门門窗桌椅床柜櫃灶书書本笔筆表錶钟鐘鞋衣服帽红紅绿綠蓝藍黄黃黑白紫灰粉色图圖片像照测測试試训訓练練验驗证證集数數"
    "据據文字学學習生工作功能許许面食物肉空星云雲雨雪风風光明亮暗早晚春夏秋冬国國家城市村街道室地区區界方圆圓角线線点點球"
    "棒刀叉勺杯碗盘盤豚鶏缶桜壇転動段児"
)
# No byte below @ is the second one of a character in any of these code pages.
_BETWEEN_WORDS = re.compile(rb"[\x00-\x3f]+")


def candidates(names: Iterable[bytes]) -> tuple[str, ...]:
    """Return the code pages that the names of an archive may be in, the most likely one first."""
    words = _words(names)
    bytes_ = sum(map(_foreign, words)) or 1
    if bytes_ > ACCIDENT_BYTES and all(_decoded(word, "utf-8") is not None for word in words):
        return ("utf-8",)
    scores = {name: sum(_score(word, name) for word in words) / bytes_ for name in _LIKELIHOODS}
    return tuple(sorted(scores, key=lambda name: -scores[name]))  # stable: equal ones keep their order


def read(name: bytes, candidates: Sequence[str]) -> tuple[str, str]:
    """Return the text of a name, and the code page that it was read by: the first candidate that has all its bytes."""
    for candidate in candidates:
        text = _decoded(name, candidate)
        if text is not None:
            return text, candidate
    return name.decode("cp437"), "cp437"  # has every byte


def _decoded(name: bytes, code_page: str) -> str | None:
    try:
        return name.decode(code_page)
    except UnicodeDecodeError:
        return None


def _words(names: Iterable[bytes]) -> list[bytes]:
    """Return the different words that are not ASCII, as many as are looked at."""
    found: dict[bytes, None] = {}
    left = BYTES_MOST
    for name in names:
        for word in _BETWEEN_WORDS.split(name):
            if not word.isascii() and word not in found:
                found[word] = None
                left -= len(word)
        if left < 0:
            break
    return list(found)


def _foreign(word: bytes) -> int:
    return sum(byte > 0x7F for byte in word)


def _score(word: bytes, code_page: str) -> float:
    """Return the sum of the likelihoods of the bytes that are not ASCII; 0 where the code page cannot read the word."""
    text = _decoded(word, code_page)
    if text is None:
        return 0.0
    likelihood = _LIKELIHOODS[code_page]
    foreign = ((place, one.encode(code_page)) for place, one in enumerate(text) if not one.isascii())
    return sum(likelihood(text, place, raw) * _foreign(raw) for place, raw in foreign)


def _beside_latin(text: str, place: int) -> bool:
    return any(one.isascii() and one.isalpha() for one in text[max(0, place - 1) : place + 2])


def _is_word(text: str) -> bool:
    """Return whether capital letters are where a language has them: nowhere, everywhere, or at the start."""
    letters = "".join(filter(str.isalpha, text))
    return letters.islower() or letters.isupper() or letters[1:].islower()


def _utf8(text: str, place: int, raw: bytes) -> float:
    if not text[place].isalpha() and not unicodedata.combining(text[place]) and len(raw) < 4:  # four bytes: an emoji
        return ODD
    alone = len(text) == 1 or (text[place] < "\u0250" and not any(one.isascii() and one.isalpha() for one in text))
    return RARE if len(raw) == 2 and alone else LIKELY


def _latin(text: str, place: int, raw: bytes) -> float:
    if not text[place].isalpha() or text[place] > "\u024f" or not _is_word(text):
        return ODD
    return COMMON if any(one.isascii() and one.isalpha() for one in text) else RARE


def _cyrillic(text: str, place: int, raw: bytes) -> float:
    good = "\u0400" <= text[place] <= "\u045f" and _is_word(text) and not _beside_latin(text, place)
    return COMMON if good else ODD


def _japanese(text: str, place: int, raw: bytes) -> float:
    if len(raw) == 1:  # half-width kana
        return OUT
    if b"\x82\x9f" <= raw <= b"\x83\x96" or raw == b"\x81\x5b":
        return LIKELY
    known = b"\x88\x9f" <= raw <= b"\xea\xa4"
    level = LIKELY if text[place] in HAN else ODD if not known else COMMON if raw <= b"\x98\x72" else RARE
    return level * _apart(text, place)


def _simplified(text: str, place: int, raw: bytes) -> float:
    if raw[-1] < 0xA1 or not 0xB0 <= raw[0] <= 0xF7:
        return ODD
    level = SHARED if raw[0] <= 0xC8 else COMMON if raw[0] <= 0xD7 else RARE
    level = LIKELY if text[place] in HAN else level
    return level * _apart(text, place)


def _traditional(text: str, place: int, raw: bytes) -> float:
    if not b"\xa4\x40" <= raw <= b"\xf9\xd5" or b"\xc6\x7e" < raw < b"\xc9\x40":
        return ODD
    # Many bytes of simplified Chinese lie in one part of the common characters, and never in the other.
    shared = raw[0] >= 0xB0 and raw[-1] >= 0xA1
    level = RARE if raw > b"\xc6\x7e" else SHARED if shared else COMMON
    level = LIKELY if text[place] in HAN else level
    return level * _apart(text, place)


def _korean(text: str, place: int, raw: bytes) -> float:
    if raw[-1] < 0xA1 or not 0xB0 <= raw[0] <= 0xC8:
        return ODD
    return (LIKELY if text[place] in SYLLABLES else RARE) * _apart(text, place)


def _apart(text: str, place: int) -> float:
    return BESIDE_LATIN if _beside_latin(text, place) else 1.0


_LIKELIHOODS: dict[str, Callable[[str, int, bytes], float]] = {
    "utf-8": _utf8,
    "gbk": _simplified,
    "cp932": _japanese,
    "big5": _traditional,
    "cp949": _korean,
    "cp866": _cyrillic,
    "cp437": _latin,
    "cp850": _latin,
}
